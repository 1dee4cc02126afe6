"""Asset checks: whether what stands in the analysis database can be true, day by day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

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
from services.orchestrator.check_queries import CheckResult, Look, missing, negative, unordered
from services.orchestrator.resources import TargetResource
from services.orchestrator.settings import OrchestratorSettings, days_of_keys
from shared.domain.time_range import ONE_DAY

FRESH = "fresh"
# The run of 02:00 has loaded yesterday by then.
LOADED_BY = time(3)

_LAST_LOADED = text("""
    SELECT max(CAST(start AT TIME ZONE :zone AS date)) FROM etl.slice
    WHERE loaded_at IS NOT NULL AND windows > 0
""")


@dataclass(frozen=True, slots=True)
class Check:
    """What is looked for, and what it means."""

    name: str
    look: Look
    description: str


CHECKS = (
    Check(
        "windows_complete", missing,
        "Every window that the ledger has as loaded is there, for each signal (144 of 10 minutes "
        "on a usual day), or `quality` says why not.",
    ),
    Check("ordered", unordered, "In each window: min ≤ mean ≤ max."),
    Check("std_not_negative", negative, "No standard deviation is negative or no number."),
)  # fmt: skip


def daily_checks(settings: OrchestratorSettings) -> AssetChecksDefinition:
    """The checks of the days that a run has materialised, each with a result of its own."""
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
                    # An `AssetCheckResult` has no partition, and a run of a range is of many.
                    yield _evaluation(check, day, check.look(connection, day, settings.zone))
                yield Output(None, output_name=spec.get_python_identifier())

    return windows


def _evaluation(check: Check, day: date, found: CheckResult) -> AssetCheckEvaluation:
    return AssetCheckEvaluation(
        asset_key=STATISTICS,
        check_name=check.name,
        partition=day.isoformat(),
        passed=not found.total,
        severity=AssetCheckSeverity.ERROR,
        description=_summary(found),
        metadata={
            "windows": found.total,
            **({"which": MetadataValue.md(_listed(found))} if found.total else {}),
        },
    )


def _summary(found: CheckResult) -> str:
    if not found.total:
        return found.said
    more = f", and {found.total - 1} more" if found.total > 1 else ""
    return f"{found.named[0]}{more}"


def _listed(found: CheckResult) -> str:
    more = found.total - len(found.named)
    return "\n".join(f"- {name}" for name in found.named) + (f"\n- and {more} more" if more else "")


def fresh(settings: OrchestratorSettings) -> AssetChecksDefinition:
    """How old the last loaded day is. Dagster's own freshness looks at its log of runs; this one
    looks at what is loaded, whoever asked for it, and does not take an empty day for news.
    """

    @asset_check(
        asset=STATISTICS,
        name=FRESH,
        description="The last day with windows is yesterday (before 03:00 the day before).",
    )
    def check(target: TargetResource) -> AssetCheckResult:
        with target.reading() as connection:
            last = connection.scalar(_LAST_LOADED, {"zone": settings.source_timezone})
        expected = expected_day(settings, datetime.now(UTC))
        return AssetCheckResult(
            passed=last is not None and last >= expected,
            severity=AssetCheckSeverity.WARN,  # old, not wrong
            description=f"the last loaded day is {last or 'none'}, expected is {expected} or later",
            metadata={"last_day": str(last), "expected_day": str(expected)},
        )

    return check


def expected_day(settings: OrchestratorSettings, now: datetime) -> date:
    """The last day that ought to be loaded by now."""
    behind = timedelta() if now.astimezone(settings.zone).time() >= LOADED_BY else ONE_DAY
    return settings.yesterday(now - behind)
