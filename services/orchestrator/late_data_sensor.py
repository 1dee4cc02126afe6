"""The sensor for late data: days whose samples changed after they were loaded are loaded again."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from sqlalchemy import Engine

from services.orchestrator import jobs_by_day
from services.orchestrator.assets import LATE_DATA_TAG
from services.orchestrator.jobs_by_day import DayJobs
from services.orchestrator.resources import SourceResource, TargetResource
from services.orchestrator.schedules import STATISTICS_JOB
from services.orchestrator.settings import OrchestratorSettings
from shared.clients.connector import ConnectorClient
from shared.domain.job_request import ALL_VARIABLES
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY, DateRange
from shared.ledger.loaded_names import loaded_names
from shared.ledger.reconciliation import Difference, Scope, differences

INTERVAL_S = 900
MAX_TAG_CHARS = 200


def late_data(settings: OrchestratorSettings) -> SensorDefinition:
    """Requests one run for each day that changed, and once for each change."""

    @sensor(
        name="late_data",
        job=STATISTICS_JOB,
        minimum_interval_seconds=INTERVAL_S,
        default_status=DefaultSensorStatus.RUNNING,
        description="Compares the samples in the source with those that were loaded, and the "
        "rows in the target with those that were loaded. Days that were never loaded are left to "
        "the schedule and to backfills.",
    )
    def compare(
        context: SensorEvaluationContext, source: SourceResource, target: TargetResource
    ) -> SensorResult | SkipReason:
        days = compared_days(settings, datetime.now(UTC))
        if days is None:
            return SkipReason(f"{settings.dagster_first_day} has not ended")
        with source.client() as client, target.engine() as engine:
            requests = _requests(client, engine, days, settings)
        for request in requests:
            why = request.tags[LATE_DATA_TAG]
            context.log.info("%s is loaded again: %s", request.partition_key, why)
        if not requests:
            return SkipReason(f"{days}: source and target have what was loaded")
        return SensorResult(run_requests=requests)

    return compare


def compared_days(settings: OrchestratorSettings, now: datetime) -> DateRange | None:
    """The days that are compared: the last `dagster_late_days` that have ended."""
    last = settings.yesterday(now)
    first = max(settings.dagster_first_day, last - (settings.dagster_late_days - 1) * ONE_DAY)
    return DateRange(first, last) if first <= last else None


def _requests(
    source: ConnectorClient, engine: Engine, days: DateRange, settings: OrchestratorSettings
) -> list[RunRequest]:
    """A run for each day to load again, in order; none while nothing was loaded."""
    spec = jobs_by_day.newest_spec(engine, settings.source_timezone)
    if spec is None:
        return []
    changes = differences(source, engine, _scope(source, engine, days, settings, spec))
    jobs = jobs_by_day.by_day(engine, days, settings.source_timezone, spec.window_s)
    return [
        RunRequest(
            partition_key=day.isoformat(),
            run_key=run_key(day, jobs[day], day_changes),
            tags={LATE_DATA_TAG: _summary(day_changes)[:MAX_TAG_CHARS]},
        )
        for day, day_changes in to_load(changes, jobs).items()
    ]


def _scope(
    source: ConnectorClient,
    engine: Engine,
    days: DateRange,
    settings: OrchestratorSettings,
    spec: StatisticsSpec,
) -> Scope:
    """What runs load: these variables and statistics, of all assets of the source and the target.
    After a run that cannot remove a difference, the next one would be requested.
    """
    source_variables, source_assets = source.variables(), source.assets()
    names = settings.variable_names
    assets = {*source_assets, *loaded_names(engine, spec.window_s).assets} - {""}
    return Scope(
        days=days, zone=settings.zone, assets=sorted(assets) if source_assets else [""],
        variables=source_variables if names == ALL_VARIABLES else names,
        statistics=spec.statistics, spec=spec, source_variables=source_variables,
    )  # fmt: skip


def to_load(
    changes: Iterable[Difference], jobs: Mapping[date, DayJobs]
) -> dict[date, list[Difference]]:
    """The differences, by day, that a run would remove. Left out are days with a queued or running
    job, and what belongs to backfills: days that were never loaded, or with other settings. Samples
    that arrive after a job found none are late data.
    """
    by_day: dict[date, list[Difference]] = {}
    for change in changes:
        day_jobs = jobs[change.day]
        loaded = day_jobs.done or change.reason in ("changed", "partly")
        if loaded and change.reason != "settings" and not day_jobs.is_open:
            by_day.setdefault(change.day, []).append(change)
    return by_day


def run_key(day: date, jobs: DayJobs, changes: Iterable[Difference]) -> str:
    """The key of a change: the newest job of the day, and the fingerprints in the source. Without
    the job, a change that is undone and then made again would have a known key.
    """
    source = "|".join(sorted({f"{c.asset},{c.variable},{c.source}" for c in changes}))
    return f"{day}:{jobs.done}:{hashlib.sha256(source.encode()).hexdigest()[:16]}"


def _summary(changes: Sequence[Difference]) -> str:
    """`changed: T01 power, T01 wind_speed; partly: T02 power`."""
    by_reason: dict[str, dict[str, None]] = {}
    for change in changes:
        name = f"{change.asset} {change.variable}".strip()
        by_reason.setdefault(change.reason, {})[name] = None
    return "; ".join(f"{reason}: {', '.join(names)}" for reason, names in sorted(by_reason.items()))
