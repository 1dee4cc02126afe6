"""Settings of the loader."""

from string import Formatter

from pydantic import Field, field_validator

from shared.http.settings import HttpSettings
from shared.setting_types import FromJson, Tuning
from shared.settings import TargetSettings, WorkerSettings

ALLOWED = ("asset", "variable", "statistic", "window")


class LoaderSettings(WorkerSettings, HttpSettings, TargetSettings):
    """The loader: names and units of signals, and the size of its transactions."""

    signal_name: str = Field(
        default="{variable}_{statistic}_{window}",
        description="Template for names of signals. It must contain {variable} and {statistic}, "
        "and may contain {asset} and {window}. A changed name reaches the target with the next "
        "load.",
    )
    units: FromJson[dict[str, str]] = Field(
        default={"wind_speed": "m/s", "power": "kW", "ambient_temperature": "°C"},
        description="Names of the units of variables, as JSON. Values are not converted. A "
        "changed name reaches the target with the next load.",
    )
    slices_per_transaction: Tuning[int] = Field(
        default=256,
        ge=1,
        le=1_000,
        description="Number of slices that one transaction loads at most; a batch with more slices "
        "has its own transaction.",
    )
    values_per_transaction: Tuning[int] = Field(
        default=200_000,
        ge=1,
        description="Number of values that one transaction loads at most; a batch with more values "
        "has its own transaction.",
    )

    @field_validator("signal_name")
    @classmethod
    def _check_template(cls, template: str) -> str:
        try:
            fields = [field for _, *field in Formatter().parse(template) if field[0] is not None]
        except ValueError as error:
            raise ValueError(f"is not a template: {error}") from None
        if not {"variable", "statistic"} <= {name for name, _, _ in fields} <= set(ALLOWED):
            raise ValueError(
                "must contain {variable} and {statistic} and may contain {asset} and {window}, "
                "such as {variable}_{statistic}_{window}"
            )
        if any(form or conversion for _, form, conversion in fields):
            raise ValueError("has a : or ! in braces, which could give two signals one name")
        return template
