"""The settings of a session: options of its connection, or `SET LOCAL` in each transaction.

A pooler in transaction mode, such as PgBouncer, gives each transaction another session of the
server. It refuses the options of a connection, or drops them without a word. So a connection whose
options do not hold sends its settings with the first statement of each transaction, as one text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import ConfigurationError

REFUSED = "unsupported startup parameter"
"""In the error of a pooler that accepts no options."""
HAS_OPTIONS = "SELECT current_setting('minuano.session', true) AS mark"
"""Returns `MARK` if the options of this connection hold in its session, else null or ''."""
MARK = "on"
BEGIN = "BEGIN"
_WORD = re.compile(r"(?:\\.|[^\s\\])+")
_OPTION = re.compile(r"(?:-c|--)([\w.-]+)=(.*)", re.DOTALL)
# Settings of the server's socket, whose other end is the pooler.
_OF_SOCKET = "tcp_"
# After the start of a transaction its default has no effect.
_IN_TRANSACTION = {"default_transaction_read_only": "transaction_read_only"}


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Our settings by name, and the options of the URL, which ours override."""

    values: Mapping[str, str]
    url_options: str = ""

    @property
    def options(self) -> str:
        """The options of a connection."""
        ours = [f"-c {name}={value}" for name, value in self.values.items()]
        return " ".join([self.url_options, *ours, f"-c minuano.session={MARK}"]).strip()

    @property
    def statements(self) -> str:
        """The statements that begin each transaction of a session without our options."""
        values = {**_parse(self.url_options), **self.values}
        return "; ".join(
            f"SET LOCAL {_IN_TRANSACTION.get(name, name)} = {_quoted(value)}"
            for name, value in values.items()
            if not name.startswith(_OF_SOCKET)
        )

    def first_statement(self, text: str) -> str:
        """The first statement of a transaction with our settings before it, or after its BEGIN."""
        if text.startswith(f"{BEGIN};"):
            return f"{BEGIN}; {self.statements}{text.removeprefix(BEGIN)}"
        return f"{self.statements}; {text}"


def _parse(options: str) -> dict[str, str]:
    """The names and values of options such as `-c work_mem=5MB`, divided as the server does: at
    blanks without a backslash, and a quote is only a character.
    """
    words = _WORD.findall(re.sub(r"-c\s+", "-c", options))
    pairs = [_OPTION.fullmatch(re.sub(r"\\(.)", r"\1", word)) for word in words]
    if None in pairs:
        raise ConfigurationError(
            f"the options {options!r} of a PostgreSQL URL: write -c name=value for each of them"
        )
    return {pair[1].replace("-", "_"): pair[2] for pair in pairs if pair}


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
