"""Settings of the orchestrator, and the days that it loads."""

from datetime import date, datetime
from typing import Self

from dagster import DailyPartitionsDefinition
from pydantic import Field, model_validator

from shared.domain.job_request import CalendarDate
from shared.domain.time_range import ONE_DAY, DateRange
from shared.environment import PREFIX
from shared.setting_types import Tuning
from shared.settings import TimezoneSettings, VariablesSettings


class OrchestratorSettings(TimezoneSettings, VariablesSettings):
    """The runs of Dagster: their days, variables and time limit. `resources` has the URLs."""

    dagster_first_day: CalendarDate = Field(
        default=date(2025, 12, 1), description="First day that Dagster loads, as YYYY-MM-DD."
    )
    dagster_last_day: CalendarDate | None = Field(
        default=None,
        description="Last day that Dagster loads, as YYYY-MM-DD. Empty: the source still grows.",
    )
    dagster_job_timeout_s: Tuning[float] = Field(
        default=21_600.0, gt=0, description="Seconds after which a run cancels its job and fails."
    )
    dagster_late_days: Tuning[int] = Field(
        default=30,
        ge=1,
        le=366,
        description="Number of days before today in which the sensor looks for late data, 1 to "
        "366.",
    )

    @model_validator(mode="after")
    def _check_last_day(self) -> Self:
        first_day, last_day = self.dagster_first_day, self.dagster_last_day
        if last_day and last_day < first_day:
            raise ValueError(
                f"{PREFIX}DAGSTER_LAST_DAY: {last_day} is before "
                f"{PREFIX}DAGSTER_FIRST_DAY ({first_day})"
            )
        return self

    def partitions(self) -> DailyPartitionsDefinition:
        """One partition for each local day of the source, without an end if no last day is set."""
        last_day = self.dagster_last_day
        return DailyPartitionsDefinition(
            start_date=self.dagster_first_day.isoformat(),
            end_date=(last_day + ONE_DAY).isoformat() if last_day else None,
            timezone=self.source_timezone,
        )

    def yesterday(self, now: datetime) -> date:
        """Yesterday in the time zone of the source, or the last day if that is earlier."""
        day = now.astimezone(self.zone).date() - ONE_DAY
        return min(day, self.dagster_last_day or day)


def days_of_keys(keys: list[str]) -> DateRange:
    """The days of partition keys, which are in order; the keys of a run are contiguous."""
    return DateRange(date.fromisoformat(keys[0]), date.fromisoformat(keys[-1]))
