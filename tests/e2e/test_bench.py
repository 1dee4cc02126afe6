"""The benchmark runs from its first workload to its report. All contenders write the same values,
so that they are comparable.
"""

import json
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from bench import baseline_copy, baseline_naive, report
from bench.__main__ import FIGURES, publish
from bench.harness import Harness, OnStep, date_range, open_harness
from bench.plan import SHIPPED, START, Plan, source
from bench.results import Results
from bench.suite import run
from bench.workloads import (
    AGAIN,
    BY_ASSETS,
    BY_DAYS,
    CHANGED,
    COPY,
    DAY,
    FAST_DAY,
    FIRST,
    NAIVE,
    SHIPPED_NAME,
)
from shared.errors import MinuanoError
from shared.sample_data.writer import SeedOptions

FIRST_DAY = datetime.combine(START, time(), UTC)
VALUES_A_DAY = 1_152
PLAN = Plan(
    rounds=1, year_days=10, naive_days=10, configurations=((1, 1), SHIPPED), latency_runs=3,
    days=(1, 11), assets=(1, 20), farm_days=1, farm_period_s=20.0,
    fast=source(days=1, period_s=20.0, assets=20),
)  # fmt: skip
YEAR_VALUES = PLAN.year_days * VALUES_A_DAY

# An idle service stops after at most this time.
SETTINGS = {"MINUANO_READ_BLOCK_S": "0.2"}

Values = dict[tuple[str, datetime], float]


def ignore(_: str) -> None:
    """Do not print the steps."""


@pytest.fixture(scope="module")
def one_turbine() -> Iterator[Harness]:
    with open_harness(PLAN.one_turbine, ignore, SETTINGS) as harness:
        yield harness


@pytest.fixture(scope="module")
def results(one_turbine: Harness) -> Results:
    """All workloads; the first stack is also used by the other tests."""

    def open_shared(options: SeedOptions, on_step: OnStep) -> AbstractContextManager[Harness]:
        if options == PLAN.one_turbine:
            return nullcontext(one_turbine)
        return open_harness(options, on_step, SETTINGS)

    return run(PLAN, ignore, open_harness=open_shared)


def rows_written(results: Results) -> dict[tuple[str, str], int]:
    return {(run.workload, run.contender): run.written for run in results.runs}


def values(harness: Harness) -> Values:
    rows = harness.in_target(
        "SELECT s.name, d.timestamp, d.value FROM data d JOIN signal s ON s.id = d.signal_id"
    )
    return {(name, timestamp): value for name, timestamp, value in rows}


@pytest.fixture
def minuano_values(one_turbine: Harness) -> Values:
    one_turbine.empty()
    one_turbine.run_job(date_range(1))
    return values(one_turbine)


def are_close(actual: Values, expected: Values) -> bool:
    return actual.keys() == expected.keys() and all(
        math.isclose(value, expected[key], rel_tol=1e-9, abs_tol=1e-9)
        for key, value in actual.items()
    )


def test_every_contender_writes_every_value_of_the_workload(results: Results) -> None:
    farm_values = VALUES_A_DAY * PLAN.farm_days
    written = rows_written(results)
    changed = written.pop((CHANGED, SHIPPED_NAME))
    assert 0 < changed < VALUES_A_DAY
    assert written == {
        (FIRST, NAIVE): YEAR_VALUES,
        (FIRST, COPY): YEAR_VALUES,
        (FIRST, "minuano 1A 1L"): YEAR_VALUES,
        (FIRST, SHIPPED_NAME): YEAR_VALUES,
        (AGAIN, SHIPPED_NAME): 0,
        (DAY, SHIPPED_NAME): VALUES_A_DAY,
        (BY_DAYS.format(1), SHIPPED_NAME): VALUES_A_DAY,
        (BY_DAYS.format(11), SHIPPED_NAME): 11 * VALUES_A_DAY,
        (BY_ASSETS.format(1), SHIPPED_NAME): farm_values,
        (BY_ASSETS.format(20), SHIPPED_NAME): 20 * farm_values,
        (FAST_DAY, SHIPPED_NAME): 20 * VALUES_A_DAY,
    }
    assert len(results.latencies_ms) == PLAN.latency_runs


def test_a_run_has_the_costs_of_each_process(results: Results) -> None:
    [run] = results.of(FIRST, SHIPPED_NAME)
    assert run.seconds > 0
    assert run.redis_mb > 0
    assert run.peak_mb["loader-1"] > 50
    assert run.cpu_s.keys() >= {"PostgreSQL", "extractor-1", "aggregator-2", "loader-1"}


def test_the_document_has_a_row_for_every_run(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    begin, end = FIGURES
    path.write_text(f"# Before\n{begin}\nold figures\n{end}\n# After\n")
    publish(report.markdown(results), path, FIGURES)
    document = path.read_text()
    assert document.startswith("# Before\n")
    assert document.endswith("# After\n")
    assert "old figures" not in document
    missing = [
        run for run in results.runs if f"| {run.workload} | {run.contender} |" not in document
    ]
    assert missing == []


def test_the_json_holds_every_run(results: Results) -> None:
    content: dict[str, Any] = json.loads(json.dumps(results.as_json()))
    assert [(run["workload"], run["contender"]) for run in content["runs"]] == [
        (run.workload, run.contender) for run in results.runs
    ]
    assert content["latencies_ms"] == results.latencies_ms
    assert content["machine"].keys() >= {"cpu", "cores", "PostgreSQL"}


def test_minuano_loads_the_day(minuano_values: Values) -> None:
    assert len(minuano_values) == VALUES_A_DAY


def test_the_naive_script_writes_the_same_values(
    one_turbine: Harness, minuano_values: Values
) -> None:
    one_turbine.empty()
    url = one_turbine.naive_connector_url
    baseline_naive.run(url, one_turbine.addresses.target_url, FIRST_DAY, 1)
    assert are_close(values(one_turbine), minuano_values)


def test_the_copy_script_writes_the_same_values(
    one_turbine: Harness, minuano_values: Values
) -> None:
    one_turbine.empty()
    addresses = one_turbine.addresses
    baseline_copy.run(addresses.source_url, addresses.target_url, FIRST_DAY, 1)
    assert are_close(values(one_turbine), minuano_values)


def test_a_job_that_cannot_be_loaded_raises_an_error_with_the_log_of_the_loader(
    one_turbine: Harness,
) -> None:
    one_turbine.empty()
    one_turbine.in_target("ALTER TABLE etl.slice RENAME fingerprints TO hidden")
    try:
        job = one_turbine.submit(date_range(1))
        with pytest.raises(MinuanoError, match=r"loader-1\.log.*fingerprints"):
            one_turbine.finish(job, stalled_after_s=3)
    finally:
        one_turbine.in_target("ALTER TABLE etl.slice RENAME hidden TO fingerprints")
    one_turbine.finish(job)
