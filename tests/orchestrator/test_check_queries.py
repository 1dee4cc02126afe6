"""The queries of the checks on a target that the loader has written, without a pipeline."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dagster import AssetCheckResult
from sqlalchemy import Engine, text

from services.orchestrator import check_queries, checks
from services.orchestrator.resources import TargetResource
from services.orchestrator.settings import OrchestratorSettings
from shared.environment import build
from shared.ledger.ledger import Ledger
from tests.dashboard.dashboard_client import load
from tests.integration.loader import DAY, ONE_DAY, batch, new_job, sliced, steady

UTC = ZoneInfo("UTC")
OF_STATISTIC = (
    "WHERE timestamp = :at AND signal_id = (SELECT id FROM signal WHERE statistic = :name)"
)
MINUTES = 1440
FIRST, SECOND = date(2025, 12, 5), date(2025, 12, 6)


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


def write(target: Engine, statement: str, **values: Any) -> None:
    with target.begin() as connection:
        connection.execute(text(statement), values)


def test_a_day_is_checked_without_the_next_one(target: Engine) -> None:
    put(target, steady(7.0, MINUTES), steady(7.0, MINUTES))
    with target.connect() as connection:
        result = check_queries.missing(connection, FIRST, UTC)
    assert (result.total, result.text) == (0, "144 windows × 4 signals")


def test_a_wrong_window_at_midnight_counts_only_for_the_next_day(target: Engine) -> None:
    put(target, steady(7.0, MINUTES), steady(7.0, MINUTES))
    write(target, "UPDATE data SET value = -99 WHERE timestamp = :at", at=DAY + ONE_DAY)
    write(target, "DELETE FROM data USING signal s WHERE s.id = signal_id AND s.statistic = 'mean'")
    write(target, f"UPDATE data SET value = -100 {OF_STATISTIC}", at=DAY + ONE_DAY, name="max")
    with target.connect() as connection:
        for query in (check_queries.unordered, check_queries.negative):
            assert [query(connection, day, UTC).total for day in (FIRST, SECOND)] == [0, 1]


@pytest.mark.parametrize("mean", [-99, 99])
def test_a_mean_outside_its_extremes_is_wrong(target: Engine, mean: float) -> None:
    put(target, steady(7.0, MINUTES))
    write(target, f"UPDATE data SET value = :mean {OF_STATISTIC}", at=DAY, name="mean", mean=mean)
    with target.connect() as connection:
        assert check_queries.unordered(connection, FIRST, UTC).total == 1


@pytest.mark.parametrize(
    ("asset", "window_s", "missing"), [("T01", 600, 0), ("T02", 600, 4), ("T01", 3600, 4)]
)
def test_a_gap_is_explained_only_by_quality_of_the_same_asset_and_window(
    target: Engine, asset: str, window_s: int, missing: int
) -> None:
    put(target, steady(7.0, MINUTES))
    write(target, "DELETE FROM data WHERE timestamp = :at", at=DAY)
    write(
        target, "INSERT INTO quality VALUES (:asset, 'wind_speed', :window_s, :at, 0, 10, 0)",
        asset=asset, window_s=window_s, at=DAY,
    )  # fmt: skip
    with target.connect() as connection:
        assert check_queries.missing(connection, FIRST, UTC).total == missing


def test_a_failed_job_has_not_loaded_the_day(target: Engine) -> None:
    Ledger(target).fail(new_job(target), reason="contract", error="a row too many")
    with target.connect() as connection:
        [text] = check_queries.missing(connection, FIRST, UTC).named
    assert text == "2025-12-05: no job has loaded this day"


def test_the_expected_day_is_fresh(target_url: str, target: Engine) -> None:
    put(target, steady(7.0, MINUTES))
    check = checks.fresh(build(OrchestratorSettings, dagster_last_day="2025-12-05"))
    result = check(target=TargetResource(url=target_url))
    assert isinstance(result, AssetCheckResult)
    assert result.passed


def test_a_day_without_windows_is_not_the_last_loaded_day(target_url: str, target: Engine) -> None:
    put(target, steady(7.0, MINUTES), [])
    check = checks.fresh(build(OrchestratorSettings, dagster_last_day="2025-12-06"))
    result = check(target=TargetResource(url=target_url))
    assert isinstance(result, AssetCheckResult)
    assert (result.passed, result.metadata["last_day"].value) == (False, "2025-12-05")


def test_a_standard_deviation_of_zero_is_valid(target: Engine) -> None:
    put(target, [7.0] * MINUTES)
    with target.connect() as connection:
        assert check_queries.negative(connection, date(2025, 12, 5), UTC).total == 0
