"""The signals of the target, and the selection of some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from services.dashboard.queries.target import Target
from shared.errors import InvalidParameter

MAX_SIGNALS = 1_000
NAMES_SHOWN = 20

_SIGNALS = """
    SELECT id, name, asset, variable, statistic, window_s, unit, ddof FROM signal
    ORDER BY asset, variable, array_position(ARRAY['mean', 'min', 'max', 'std'], statistic),
             window_s
"""


@dataclass(frozen=True, slots=True)
class Signal:
    """One statistic of one variable of one asset; `asset` is empty if the source has no assets.
    `ddof` are the delta degrees of freedom of a standard deviation.
    """

    id: Annotated[int, Field(exclude=True)]
    name: str
    asset: str
    variable: str
    statistic: str
    window_s: int
    unit: str | None
    ddof: int | None


def signals(target: Target) -> list[Signal]:
    """All signals, by asset, variable and statistic."""
    return [Signal(**row._mapping) for row in target.fetch(_SIGNALS)]


def select_signals(
    known: Sequence[Signal],
    *,
    names: Sequence[str] = (),
    variables: Sequence[str] = (),
    assets: Sequence[str] = (),
) -> list[Signal]:
    """The signals that match every list that is not empty. `InvalidParameter` if a name is unknown
    or too many signals match.
    """
    _require_known("signals", names, [signal.name for signal in known])
    _require_known("variables", variables, [signal.variable for signal in known])
    _require_known("assets", assets, [signal.asset for signal in known])
    selected = [
        signal
        for signal in known
        if (not names or signal.name in names)
        and (not variables or signal.variable in variables)
        and (not assets or signal.asset in assets)
    ]
    if (count := len(selected)) > MAX_SIGNALS:
        raise InvalidParameter("signals", f"{count:,} signals match; {MAX_SIGNALS:,} are allowed")
    return selected


def _require_known(parameter: str, names: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        existing = sorted(set(known) - {""})
        listed = ", ".join(existing[:NAMES_SHOWN]) + (" …" if existing[NAMES_SHOWN:] else "")
        raise InvalidParameter(
            parameter, f"unknown: {', '.join(unknown)}; the target has: {listed or 'none yet'}"
        )
