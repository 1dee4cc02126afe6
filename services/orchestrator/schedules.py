"""What happens by itself: yesterday is loaded at 02:00, and at 03:00 it is seen whether it was.

Both run as soon as the code location is loaded: one that stands idle until somebody finds the
switch loads nothing. Who turns one off in the UI turns it off for good.
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
    description="Load the statistics of one day, or of a range of days as one job, and check them.",
)
# A schedule of one's own on a partitioned job would start runs of no partition.
NIGHTLY = build_schedule_from_partitioned_job(
    STATISTICS_JOB,
    name="statistics_nightly",
    hour_of_day=LOAD_AT,
    minute_of_hour=0,
    default_status=DefaultScheduleStatus.RUNNING,
    description="At 02:00 in the source's zone: the day that has just ended.",
)
# Apart from the runs that load: it has to speak up when there are none.
FRESHNESS_JOB = define_asset_job(
    "freshness",
    selection=AssetSelection.checks(AssetCheckKey(STATISTICS, FRESH)),
    description="See how old the last loaded day is.",
)


def freshness_daily(settings: OrchestratorSettings) -> ScheduleDefinition:
    """An hour after the run that it looks for."""
    return ScheduleDefinition(
        name="freshness_daily",
        job=FRESHNESS_JOB,
        cron_schedule=f"{LOADED_BY.minute} {LOADED_BY.hour} * * *",
        execution_timezone=settings.source_timezone,
        default_status=DefaultScheduleStatus.RUNNING,
    )
