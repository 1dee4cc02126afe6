"""Asset checks: whether the windows of each day in the target are complete and plausible."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    Output,
    asset_check,
    multi_asset_check,
)
from sqlalchemy import text

from services.orchestrator.assets import STATISTICS
from services.orchestrator.check_queries import CheckResult, Query, missing, negative, unordered
from services.orchestrator.resources import TargetResource
from services.orchestrator.settings import OrchestratorSettings, days_of_keys
from shared.domain.time_range import ONE_DAY

FRESH = "fresh"
# The nightly run at 02:00 has loaded yesterday by then.
LOADED_BY = time(3)

_LAST_LOADED = text("""
    SELECT max(CAST(start AT TIME ZONE :zone AS date)) FROM etl.slice
    WHERE loaded_at IS NOT NULL AND windows > 0
""")


class Check(NamedTuple):
    """A query for wrong windows, with the text that Dagster shows."""

    name: str
    query: Query
    description: str


CHECKS = (
    Check(
        "windows_complete", missing,
        "Each signal has every window that the ledger has as loaded (144 windows of 10 minutes on "
        "a day of 24 hours), or `quality` has the reason why a window is missing.",
    ),
    Check("ordered", unordered, "In each window: min ≤ mean ≤ max."),
    Check("std_not_negative", negative, "No standard deviation is negative or NaN."),
)  # fmt: skip


def daily_checks(settings: OrchestratorSettings) -> AssetChecksDefinition:
    """The checks of the days of a run, with one result for each day."""
    specs = [
        AssetCheckSpec(
            check.name,
            asset=STATISTICS,
            description=check.description,
            partitions_def=settings.partitions(),
        )
        for check in CHECKS
    ]

    @multi_asset_check(name="windows", specs=specs)
    def windows(context: AssetCheckExecutionContext, target: TargetResource) -> Iterator[Any]:
        days = days_of_keys(list(context.partition_keys))
        with target.reading() as connection:
            for check, spec in zip(CHECKS, specs, strict=True):
                for day in days:
                    # An `AssetCheckResult` has no partition, but a run of a range has several.
                    yield _evaluation(check, day, check.query(connection, day, settings.zone))
                yield Output(None, output_name=spec.get_python_identifier())

    return windows


def _evaluation(check: Check, day: date, result: CheckResult) -> AssetCheckEvaluation:
    hidden = result.total - len(result.named)
    names = [*result.named, *([f"and {hidden} more"] if hidden else [])]
    lines = "\n".join(f"- {name}" for name in names)
    metadata: dict[str, Any] = {"windows": result.total}
    if names:
        metadata["which"] = MetadataValue.md(lines)
    return AssetCheckEvaluation(
        asset_key=STATISTICS,
        check_name=check.name,
        partition=day.isoformat(),
        passed=not result.total,
        severity=AssetCheckSeverity.ERROR,
        description=result.text,
        metadata=metadata,
    )


def fresh(settings: OrchestratorSettings) -> AssetChecksDefinition:
    """The check of the age of the last loaded day. Dagster's freshness checks look at its own runs;
    this one looks at the target, so that jobs of other clients count and empty days do not.
    """

    @asset_check(
        asset=STATISTICS,
        name=FRESH,
        description="The last day with windows is yesterday, or before 03:00 the day before.",
    )
    def check(target: TargetResource) -> AssetCheckResult:
        with target.reading() as connection:
            last = connection.scalar(_LAST_LOADED, {"zone": settings.source_timezone})
        expected = expected_day(settings, datetime.now(UTC))
        return AssetCheckResult(
            passed=last is not None and last >= expected,
            severity=AssetCheckSeverity.WARN,  # the data are old, not wrong
            description=f"the last loaded day is {last or 'none'}; expected: {expected} or later",
            metadata={"last_day": str(last), "expected_day": str(expected)},
        )

    return check


def expected_day(settings: OrchestratorSettings, now: datetime) -> date:
    """The last day that should be loaded by now."""
    delay = timedelta() if now.astimezone(settings.zone).time() >= LOADED_BY else ONE_DAY
    return settings.yesterday(now - delay)
