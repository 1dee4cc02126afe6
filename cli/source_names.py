"""Compares the variables that settings name with those of the source."""

import re
from collections.abc import Iterator, Sequence

from shared.domain.spec import StatisticsSpec

# A word in a name: `wind_dir`, `WindDirection`, `yaw angle`. A pitch angle never turns past 360°.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
DIRECTION = {"direction", "dir", "winddir", "angle", "azimuth", "heading", "yaw", "bearing"}
NO_DIRECTION = {"pitch", "blade", "error", "misalignment", "deviation", "speed", "rate"}
COUNTER = {"counter", "count", "total", "cumulative", "totalizer"}
STATE = {"state", "status", "code", "mode", "alarm", "flag"}


def unknown(spec: StatisticsSpec, variables: Sequence[str]) -> Iterator[str]:
    """A sentence for each name in a setting that the source lacks."""
    for setting, names in spec.variables_by_setting.items():
        for name in sorted(set(names) - set(variables)):
            yield f"{setting} names {name}, which the source lacks: all jobs are refused"


def suggestions(spec: StatisticsSpec, variables: Sequence[str]) -> Iterator[str]:
    """A sentence for each variable whose name suggests that a plain mean would mislead."""
    for name in variables:
        words = {word.lower() for word in _WORD.findall(name)}
        if name in spec.circular_variables:
            continue
        if words & DIRECTION and not words & NO_DIRECTION:
            yield (
                f"{name} looks like a direction: if it is one, name it in "
                "MINUANO_CIRCULAR_VARIABLES, or the mean of 359° and 1° is 180°"
            )
        elif words & COUNTER:
            yield f"{name} looks like a counter: its min and max tell more than its mean"
        elif words & STATE:
            yield f"{name} looks like a state: the mean of its codes has no meaning"
