"""The sensor of late data: days whose source is no longer what was loaded are loaded again."""

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
from services.orchestrator.jobs_by_day import DayJobs
from services.orchestrator.resources import SourceResource, TargetResource
from services.orchestrator.schedules import STATISTICS_JOB
from services.orchestrator.settings import OrchestratorSettings
from shared.domain.job_request import DEFAULT_VARIABLES
from shared.domain.time_range import ONE_DAY, DateRange
from shared.ledger.reconciliation import Difference, FingerprintSource, differences
from shared.setting_types import split_names

INTERVAL_S = 900
MAX_TAG = 200


def late_data(settings: OrchestratorSettings) -> SensorDefinition:
    """One run for each day that changed; the same change is asked for once."""

    @sensor(
        name="late_data",
        job=STATISTICS_JOB,
        minimum_interval_seconds=INTERVAL_S,
        default_status=DefaultSensorStatus.RUNNING,
        description="Compares the fingerprints of the source with those of what was loaded, some "
        "days back. Days that were never loaded belong to the schedule and to backfills.",
    )
    def look(
        context: SensorEvaluationContext, source: SourceResource, target: TargetResource
    ) -> SensorResult | SkipReason:
        days = window(settings, datetime.now(UTC))
        if days is None:
            return SkipReason(f"{settings.dagster_first_day} is not over")
        with source.client() as client, target.engine() as engine:
            requests = [_request(*late) for late in _late(client, engine, days, settings)]
        for request in requests:
            why = request.tags["minuano/late_data"]
            context.log.info("%s is loaded again: %s", request.partition_key, why)
        if not requests:
            return SkipReason(f"compared {days} with what was loaded: nothing to load again")
        return SensorResult(run_requests=requests)

    return look


def window(settings: OrchestratorSettings, now: datetime) -> DateRange | None:
    """The days that are compared: those that are over, so many back."""
    last = settings.yesterday(now)
    first = max(settings.dagster_first_day, last - (settings.dagster_late_days - 1) * ONE_DAY)
    return DateRange(first, last) if first <= last else None


Late = tuple[date, DayJobs, Sequence[Difference]]


def _late(
    source: FingerprintSource, engine: Engine, days: DateRange, settings: OrchestratorSettings
) -> list[Late]:
    """The days that have to be loaded again, in order; none before anything was loaded."""
    wanted = split_names(settings.dagster_variables) or DEFAULT_VARIABLES
    window_s = jobs_by_day.window_s(engine, settings.source_timezone)
    if window_s is None:
        return []
    found = differences(
        source, engine, days.first, days.last,
        zone=settings.zone, window_s=window_s, wanted=wanted,
    )  # fmt: skip
    jobs = jobs_by_day.by_day(engine, days, settings.source_timezone, window_s)
    return [(day, jobs[day], those) for day, those in to_load(found, jobs, wanted).items()]


def to_load(
    found: Iterable[Difference], jobs: Mapping[date, DayJobs], wanted: Sequence[str]
) -> dict[date, list[Difference]]:
    """The differences by day that a run would put right. A day that a job is at is left to it, and
    so are the past that was never loaded to a backfill and variables that runs don't ask for to
    those who did. Samples that came when a job had found none are late, though.
    """
    by_day: dict[date, list[Difference]] = {}
    for each in found:
        of_day = jobs[each.day]
        loaded = of_day.done or each.reason != "missing"
        if each.variable in wanted and loaded and not of_day.under_way:
            by_day.setdefault(each.day, []).append(each)
    return by_day


def _request(day: date, jobs: DayJobs, those: Sequence[Difference]) -> RunRequest:
    return RunRequest(
        partition_key=day.isoformat(),
        run_key=run_key(day, jobs, those),
        tags={"minuano/late_data": _why(those)[:MAX_TAG]},
    )


def run_key(day: date, jobs: DayJobs, those: Iterable[Difference]) -> str:
    """The change: from what the day's newest job had loaded to what the source has now. With the
    source alone, a change that is taken back and made again would be known already.
    """
    source = "|".join(f"{each.asset},{each.variable},{each.source}" for each in sorted(those))
    return f"{day}:{jobs.done}:{hashlib.sha256(source.encode()).hexdigest()[:16]}"


def _why(those: Sequence[Difference]) -> str:
    """`changed: T01 power, T01 wind_speed; partly: T02 power`."""
    by_why: dict[str, list[str]] = {}
    for each in those:
        by_why.setdefault(each.reason, []).append(f"{each.asset} {each.variable}".strip())
    return "; ".join(f"{why}: {', '.join(what)}" for why, what in sorted(by_why.items()))
