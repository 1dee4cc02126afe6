"""What the checks find in a target that the loader has written, without a pipeline."""

from datetime import date
from zoneinfo import ZoneInfo

from dagster import AssetCheckResult
from sqlalchemy import Engine

from services.orchestrator import checks, findings
from services.orchestrator.resources import TargetResource
from services.orchestrator.settings import OrchestratorSettings
from shared.settings import made
from tests.dashboard.rig import load
from tests.integration.loader import DAY, ONE_DAY, batch, new_job, sliced, steady

UTC = ZoneInfo("UTC")
MINUTES = 1440


def put(target: Engine, *days: list[float | None]) -> None:
    """Load a job of these days, one after the other."""
    job = new_job(target, days=len(days), slices=len(days), spec=sliced(ONE_DAY))
    starts = [DAY + n * ONE_DAY for n in range(len(days))]
    load(
        target,
        *[
            batch(job, samples, start=start, length=ONE_DAY, asset="T01")
            for start, samples in zip(starts, days, strict=True)
        ],
    )


def test_a_day_is_checked_without_the_next_one(target: Engine) -> None:
    put(target, steady(7.0, MINUTES), steady(7.0, MINUTES))
    with target.connect() as connection:
        found = findings.missing(connection, date(2025, 12, 5), UTC)
    assert (found.total, found.said) == (0, "144 windows × 4 signals")


def test_a_day_without_windows_is_not_the_last_that_was_loaded(
    target_url: str, target: Engine
) -> None:
    put(target, steady(7.0, MINUTES), [])
    check = checks.fresh(made(OrchestratorSettings, last_day="2025-12-06"))
    found = check(target=TargetResource(url=target_url))
    assert isinstance(found, AssetCheckResult)
    assert (found.passed, found.metadata["last_day"].value) == (False, "2025-12-05")
