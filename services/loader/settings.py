"""The loader's settings."""

from string import Formatter
from typing import Annotated

from pydantic import Field, field_validator

from shared.setting_types import JSON
from shared.settings import TargetSettings, WorkerSettings

ALLOWED = ("asset", "variable", "statistic", "window")


class LoaderSettings(WorkerSettings, TargetSettings):
    """What a loader needs, and how signals are called."""

    signal_name: str = "{variable}_{statistic}_{window}"
    units: Annotated[dict[str, str], *JSON] = Field(
        default={"wind_speed": "m/s", "power": "kW", "ambient_temperature": "°C"}
    )
    loader_batch_slices: int = Field(default=64, ge=1)
    values_per_transaction: int = Field(default=200_000, ge=1)

    @field_validator("signal_name")
    @classmethod
    def _tells_signals_apart(cls, template: str) -> str:
        try:
            used = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        except ValueError as error:
            raise ValueError(f"not a template: {error}") from None
        if not {"variable", "statistic"} <= used <= set(ALLOWED):
            raise ValueError(
                "a template such as {variable}_{statistic}_{window}; "
                "it needs {variable} and {statistic} and may use {asset} and {window}"
            )
        try:
            template.format_map(dict.fromkeys(ALLOWED, "x"))
        except ValueError as error:
            raise ValueError(f"not a template: {error}") from None
        return template
