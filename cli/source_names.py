"""Compares the variables that settings name with those of the source."""

import re
from collections.abc import Iterator, Sequence

from pydantic import Field

from shared.domain.job_request import ALL_VARIABLES
from shared.domain.spec import StatisticsSpec
from shared.environment import PREFIX, Settings
from shared.setting_types import FromJson

# A word in a name: `wind_dir`, `WindDirection`, `yaw angle`. A pitch angle never turns past 360°.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
DIRECTION = {"direction", "dir", "winddir", "angle", "azimuth", "heading", "yaw", "bearing"}
NO_DIRECTION = {"pitch", "blade", "error", "misalignment", "deviation", "speed", "rate"}
COUNTER = {"counter", "count", "total", "cumulative", "totalizer"}
STATE = {"state", "status", "code", "mode", "alarm", "flag"}


class DisplaySettings(Settings):
    """The settings of loader and dashboard that name variables or assets, where they are set."""

    wind_variable: str | None = None
    power_variable: str | None = None
    units: FromJson[dict[str, str]] = Field(default_factory=dict)
    rated_power_kw: FromJson[dict[str, float]] = Field(default_factory=dict)

    def names(self) -> Iterator[tuple[str, str, bool]]:
        """Each setting with a name in it, and whether this is the name of an asset."""
        yield from (("WIND_VARIABLE", name, False) for name in [self.wind_variable] if name)
        yield from (("POWER_VARIABLE", name, False) for name in [self.power_variable] if name)
        yield from (("UNITS", name, False) for name in self.units)
        yield from (("RATED_POWER_KW", name, True) for name in self.rated_power_kw if name != "*")


def without_effect(
    settings: DisplaySettings, variables: Sequence[str], assets: Sequence[str]
) -> Iterator[str]:
    """A sentence for each name that has no effect, because the source lacks it."""
    for setting, name, is_asset in settings.names():
        if name not in (assets or [""] if is_asset else variables):
            yield f"{PREFIX}{setting} names {name}, which the source lacks: it has no effect"


def unknown_defaults(names: Sequence[str], variables: Sequence[str]) -> Iterator[str]:
    """A sentence for each default variable that the source lacks."""
    for name in names if names != ALL_VARIABLES else ():
        if name not in variables:
            yield (
                f"{PREFIX}VARIABLES names {name}, which the source lacks: jobs that name no "
                "variables are refused"
            )


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
