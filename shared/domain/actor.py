"""Who asked for something, and through which channel: an entry of the audit log names both."""

import re
from dataclasses import dataclass
from typing import Literal, Self, get_args

Channel = Literal["http", "page", "cli", "dagster", "stream", "prune"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)

MAX_CHARS = 200
ALLOWED = f"1 to {MAX_CHARS} printable ASCII characters without spaces"
HEADER = "Minuano-Actor"
"""The header in which a client says who asks: the name, as `alice@pc`. The clients of the project
write their channel before it, as `cli alice@pc`.
"""
HEADER_PATTERN = rf"^((page|cli|dagster) )?[!-~]{{1,{MAX_CHARS}}}$"
HEADER_ALLOWED = f"{ALLOWED}, or `page`, `cli` or `dagster`, one space and such a name"
_NAME = re.compile(rf"[!-~]{{1,{MAX_CHARS}}}")
_HEADER = re.compile(HEADER_PATTERN.removeprefix("^").removesuffix("$"))


@dataclass(frozen=True, slots=True)
class Actor:
    """A name, and the channel through which it came in."""

    channel: Channel
    name: str

    @classmethod
    def from_header(cls, value: str) -> Self:
        """The actor that the header names; ValueError says what is allowed."""
        if not _HEADER.fullmatch(value):
            raise ValueError(HEADER_ALLOWED)
        channel, _, name = value.rpartition(" ")
        return cls(next((known for known in CHANNELS if known == channel), "http"), name)

    @property
    def headers(self) -> dict[str, str]:
        """The header that names this actor."""
        said = self.name if self.channel == "http" else f"{self.channel} {self.name}"
        return {HEADER: said}


def require_name(name: str) -> str:
    """The name; ValueError if an actor cannot have it."""
    if not _NAME.fullmatch(name):
        raise ValueError(ALLOWED)
    return name


def printable_name(name: str) -> str:
    """The name with escapes for what an actor's name cannot have: `Jörg` becomes `J\\xf6rg`."""
    escaped = name.encode("unicode_escape").decode().replace(" ", r"\x20")
    return escaped[:MAX_CHARS] or "unknown"
