"""README.md, "Run jobs". Each example checks the sentence that it quotes."""

import uuid
from io import BytesIO

import httpx
import pandas as pd
import pyarrow as pa
import pytest

from tests.e2e.pipeline import Pipeline
from tests.polling import wait_until
from tests.promises.interfaces import CommandLine, RedisCli, Sql

DAY = {"date": "2025-12-05"}


def test_http_redis_cli_and_the_command_line_start_the_same_job(
    extractor: httpx.Client, redis_cli: RedisCli, minuano: CommandLine
) -> None:
    """> These three do the same"""
    extractor.post("/jobs", json={"date": "2025-12-05"})
    redis_cli("XADD minuano:jobs '*' date 2025-12-05")
    minuano("run 2025-12-05")
    wait_until(lambda: len(extractor.get("/jobs?state=done").json()["jobs"]) == 3)
    first, *others = extractor.get("/jobs").json()["jobs"]
    for name in ("start", "end", "variables", "asset_count", "rows"):
        assert [job[name] for job in others] == [first[name]] * 2


def test_a_post_with_the_same_idempotency_key_returns_the_first_job(
    extractor: httpx.Client,
) -> None:
    """> with the same `Idempotency-Key` header, no second job is created."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, repeated = (extractor.post("/jobs", json=DAY, headers=key) for _ in range(2))
    assert (first.status_code, repeated.status_code) == (202, 200)
    assert first.json()["id"] == repeated.json()["id"]
    assert len(extractor.get("/jobs").json()["jobs"]) == 1


def test_the_error_of_a_wrong_request_says_what_is_allowed(extractor: httpx.Client) -> None:
    """> A wrong request is refused, and the error says what is allowed"""
    response = extractor.post("/jobs", json={**DAY, "variables": ["rain"]})
    assert response.status_code == 422
    assert "wind_speed, power, ambient_temperature" in response.text


@pytest.fixture
def changed_days(stack: Pipeline, source_sql: Sql) -> tuple[str, str]:
    """Ten days are loaded; then a sample is corrected in the source, and a value in the target is
    altered.
    """
    stack.run(start="2025-12-01", end="2025-12-10")
    source_sql("UPDATE data SET power = power + 1 WHERE timestamp = '2025-12-06 12:00Z'")
    stack.in_target("UPDATE data SET value = value + 1 WHERE timestamp = '2025-12-08 12:00Z'")
    return "2025-12-06", "2025-12-08"


def test_reconcile_lists_the_days_whose_samples_or_rows_changed(
    minuano: CommandLine, changed_days: tuple[str, str]
) -> None:
    """> samples changed after loading, or whose rows somebody altered in the target"""
    result = minuano("reconcile --days 10")
    assert all(day in result.stdout for day in changed_days)
    assert "2 days differ" in result.stdout


@pytest.mark.usefixtures("changed_days")
def test_only_changed_days_are_computed(minuano: CommandLine) -> None:
    """> computes only the days that changed in the source or in the target."""
    result = minuano("backfill 2025-12-01 2025-12-10 --only-changed")
    assert "10 slices (8 unchanged)" in result.stdout


def test_results_are_exported_as_csv_parquet_or_arrow(
    stack: Pipeline, dashboard: httpx.Client
) -> None:
    """> The dashboard exports data as CSV, Parquet or Arrow"""
    stack.run(date="2025-12-05")
    address = "/api/signals/data?start=2025-12-05&signals=T01.power_mean_10m"
    csv, parquet, arrow = (
        dashboard.get(f"{address}&format={name}").content for name in ("csv", "parquet", "arrow")
    )
    assert len(pd.read_csv(BytesIO(csv))) == 144
    assert len(pd.read_parquet(BytesIO(parquet))) == 144
    assert pa.ipc.open_stream(arrow).read_all().num_rows == 144
