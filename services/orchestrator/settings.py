"""The orchestrator's settings, and the days that follow from them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from dagster import DailyPartitionsDefinition
from pydantic import Field, ValidationInfo, field_validator

from shared.domain.job_request import MAX_VARIABLES, CalendarDate
from shared.domain.time_range import ONE_DAY, DateRange
from shared.setting_types import Zone, split_names
from shared.settings import Settings


class OrchestratorSettings(Settings):
    """Which days there are, and what a run may take. Where the services are, resources know."""

    dagster_first_day: CalendarDate = date(2025, 12, 1)
    dagster_last_day: CalendarDate | None = None
    source_timezone: Zone = "UTC"
    dagster_variables: str = ""
    dagster_job_timeout_s: float = Field(default=21_600.0, gt=0)
    dagster_late_days: int = Field(default=30, ge=1, le=366)

    @field_validator("dagster_last_day")
    @classmethod
    def _not_before_the_first(cls, last_day: date | None, so_far: ValidationInfo) -> date | None:
        first_day = so_far.data.get("dagster_first_day")
        if last_day and first_day and last_day < first_day:
            raise ValueError(f"{last_day} is before MINUANO_DAGSTER_FIRST_DAY ({first_day})")
        return last_day

    @field_validator("dagster_variables")
    @classmethod
    def _each_once(cls, variables: str) -> str:
        named = split_names(variables)
        if len(set(named)) < len(named) or len(named) > MAX_VARIABLES:
            raise ValueError(f"name at most {MAX_VARIABLES} variables, each of them once")
        return variables

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.source_timezone)

    def partitions(self) -> DailyPartitionsDefinition:
        """The source's local days; open at the end unless there is a last one."""
        return DailyPartitionsDefinition(
            start_date=self.dagster_first_day.isoformat(),
            end_date=(self.dagster_last_day + ONE_DAY).isoformat()
            if self.dagster_last_day
            else None,
            timezone=self.source_timezone,
        )

    def yesterday(self, now: datetime) -> date:
        """The last day that is over, or that there is."""
        day = now.astimezone(self.zone).date() - ONE_DAY
        return min(day, self.dagster_last_day or day)


def days_of_keys(keys: list[str]) -> DateRange:
    """From partition keys in order; Dagster gives a run one contiguous range."""
    return DateRange(date.fromisoformat(keys[0]), date.fromisoformat(keys[-1]))


def job_dates(days: DateRange) -> dict[str, str]:
    """The dates of a job request: one date, or a range as one job."""
    if days.first == days.last:
        return {"date": days.first.isoformat()}
    return {"start": days.first.isoformat(), "end": days.last.isoformat()}
