"""Variables of the environment that look like settings and are none: a misspelt setting would have
no effect, without a word.
"""

import difflib
import re
from collections.abc import Iterable, Iterator

from shared.environment import PREFIX
from shared.setting_names import NAMES

_FILE = "_FILE"
# Kubernetes sets such variables for a service that is named minuano or minuano-….
_OF_KUBERNETES = re.compile(r"SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP).*)?")


def sentences(variables: Iterable[str]) -> Iterator[str]:
    """A sentence for each of these names of variables that is misspelt."""
    for variable in sorted(variables):
        name = variable.upper().removeprefix(PREFIX)
        if name == variable.upper() or _is_known(variable) or _is_foreign(name):
            continue
        similar = difflib.get_close_matches(name, NAMES, n=1) or [
            known for known in NAMES if known.startswith(name)
        ]
        hint = f": do you mean {PREFIX}{similar[0]}?" if similar else ""
        yield f"{variable} is not a setting and has no effect{hint}"


def _is_known(variable: str) -> bool:
    return variable.removeprefix(PREFIX).removesuffix(_FILE) in NAMES and variable.startswith(
        PREFIX
    )


def _is_foreign(name: str) -> bool:
    parts = name.split("_")
    ends = ("_".join(parts[n:]) for n in range(len(parts)))
    return name.startswith("TEST_") or any(_OF_KUBERNETES.fullmatch(end) for end in ends)
