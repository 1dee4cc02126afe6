"""The signals that stand in the target, and which of them a request means."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    """One statistic of one variable of one asset; the asset is empty where there are none."""

    id: int
    name: str
    asset: str
    variable: str
    statistic: str
    window_s: int
    unit: str | None
    ddof: int | None


def signals(target: Target) -> list[Signal]:
    """All of them, by asset, variable and statistic."""
    return [Signal(**row._mapping) for row in target.fetch(_SIGNALS)]


def select_signals(
    known: Sequence[Signal],
    *,
    names: Sequence[str] = (),
    variables: Sequence[str] = (),
    assets: Sequence[str] = (),
) -> list[Signal]:
    """Those that fit all that is given; a 422 where a name is not there, or where they are too
    many.
    """
    _require("signals", names, [signal.name for signal in known])
    _require("variable", variables, [signal.variable for signal in known])
    _require("assets", assets, [signal.asset for signal in known])
    found = [
        signal
        for signal in known
        if (not names or signal.name in names)
        and (not variables or signal.variable in variables)
        and (not assets or signal.asset in assets)
    ]
    if len(found) > MAX_SIGNALS:
        raise InvalidParameter("signals", f"these are {len(found):,}; {MAX_SIGNALS:,} are allowed")
    return found


def _require(field: str, given: Sequence[str], known: Sequence[str]) -> None:
    if unknown := [name for name in given if name not in known]:
        there = sorted({name for name in known if name})
        told = ", ".join(there[:NAMES_SHOWN]) + (" …" if len(there) > NAMES_SHOWN else "")
        raise InvalidParameter(
            field, f"unknown: {', '.join(unknown)}; there are: {told or 'none yet'}"
        )
