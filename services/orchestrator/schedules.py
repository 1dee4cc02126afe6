"""The schedules: at 02:00 yesterday is loaded, and at 03:00 a check looks whether it was loaded.

Both are on by default. A schedule that is turned off in Dagster's pages stays off.
"""

from dagster import (
    AssetCheckKey,
    AssetSelection,
    DefaultScheduleStatus,
    ScheduleDefinition,
    build_schedule_from_partitioned_job,
    define_asset_job,
)

from services.orchestrator.assets import STATISTICS
from services.orchestrator.checks import CHECKS, FRESH, LOADED_BY
from services.orchestrator.settings import OrchestratorSettings

LOAD_AT = 2

STATISTICS_JOB = define_asset_job(
    "statistics",
    selection=AssetSelection.assets(STATISTICS).without_checks()
    | AssetSelection.checks(*(AssetCheckKey(STATISTICS, check.name) for check in CHECKS)),
    description="Loads the statistics of a day, or of a range of days as one job, and checks them.",
)
# A plain `ScheduleDefinition` of a partitioned job would start runs without a partition.
NIGHTLY = build_schedule_from_partitioned_job(
    STATISTICS_JOB,
    name="statistics_nightly",
    hour_of_day=LOAD_AT,
    minute_of_hour=0,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Loads the day that has just ended, at 02:00 in the time zone of the source.",
)
# Not a part of the runs that load: it has to warn if there are no such runs.
FRESHNESS_JOB = define_asset_job(
    "freshness",
    selection=AssetSelection.checks(AssetCheckKey(STATISTICS, FRESH)),
    description="Checks how old the last loaded day is.",
)


def freshness_daily(settings: OrchestratorSettings) -> ScheduleDefinition:
    """Checks an hour after the nightly run."""
    return ScheduleDefinition(
        name="freshness_daily",
        job=FRESHNESS_JOB,
        cron_schedule=f"{LOADED_BY.minute} {LOADED_BY.hour} * * *",
        execution_timezone=settings.source_timezone,
        default_status=DefaultScheduleStatus.RUNNING,
    )
