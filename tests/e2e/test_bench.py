"""Every workload of the benchmark runs, and all contenders write the same rows. A test says nothing
about speed.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.__main__ import FIGURES, publish
from bench.contest import (
    DUCKDB,
    FDW,
    FLOOR,
    MINUANO,
    MINUANO_CHANGED,
    NAIVE,
    PANDAS,
    SCRIPT,
    Contest,
)
from bench.harness import Harness, date_range, open_harness
from bench.plan import Plan, Workload
from bench.results import Results
from bench.suite import run
from bench.work import Work
from bench.workloads import (
    AGAIN,
    CHANGED,
    DAY,
    DAYS,
    FIRST,
    MONTH,
    NIGHT,
    SLICES,
    TEN_HZ,
    WIDE,
)
from shared.errors import MinuanoError
from tests.integration.test_loader_outages import NO_ROOM

VALUES_A_DAY = 1_152
VALUES_OF_FIVE_VARIABLES = 2_880
PLAN = Plan.tiny()
YEAR_VALUES = 10 * VALUES_A_DAY
ALL = {PANDAS, FDW, DUCKDB, FLOOR, MINUANO}
REPEATABLE = {PANDAS, FDW, DUCKDB}

# An idle service stops after at most this time.
SETTINGS = {"MINUANO_READ_BLOCK_S": "0.2"}


def ignore(_: str) -> None:
    """Do not print the steps."""


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    [(source, _)] = PLAN.stacks()
    with open_harness(source, ignore, SETTINGS) as harness:
        yield harness


@pytest.fixture(scope="module")
def results(harness: Harness) -> Results:
    """All workloads, on the stack of the other tests."""
    return run(PLAN, ignore, open_harness=lambda *_: nullcontext(harness))


def written(results: Results, workload: str) -> dict[str, int]:
    """The rows that each contender has written, except for jobs that skip unchanged slices."""
    runs = results.of(workload)
    return {run.contender: run.written for run in runs if run.contender != MINUANO_CHANGED}


def test_no_contender_is_missing(results: Results) -> None:
    assert results.left_out == {}


@pytest.mark.parametrize(
    ("workload", "contenders", "values"),
    [
        (FIRST, ALL | {NAIVE}, YEAR_VALUES),
        (NIGHT, ALL, 6 * VALUES_A_DAY),
        (MONTH, ALL, 6 * VALUES_A_DAY),
        (WIDE, ALL, VALUES_OF_FIVE_VARIABLES),
        (TEN_HZ, ALL, VALUES_A_DAY),
        (DAY, {MINUANO}, VALUES_A_DAY),
        (DAYS.format(2), {MINUANO}, 2 * VALUES_A_DAY),
        (SLICES.format(8), {MINUANO}, 8 * VALUES_A_DAY),
    ],
)
def test_every_contender_writes_all_rows(
    results: Results, workload: str, contenders: set[str], values: int
) -> None:
    assert written(results, workload) == dict.fromkeys(contenders, values)


def test_scripts_write_everything_again(results: Results) -> None:
    expected = dict.fromkeys(REPEATABLE, YEAR_VALUES)
    assert written(results, AGAIN) == expected | {MINUANO: 0}
    minuano = results.of(CHANGED, MINUANO)[0].written
    assert written(results, CHANGED) == expected | {MINUANO: minuano}
    assert 0 < minuano < VALUES_A_DAY


def test_a_job_of_changed_slices_writes_the_same_rows_as_any_job(results: Results) -> None:
    if not results.of(FIRST, MINUANO_CHANGED):
        pytest.skip("jobs have no `only`")
    for workload in (FIRST, AGAIN, CHANGED):
        [changed], [all_slices] = (
            results.of(workload, name) for name in (MINUANO_CHANGED, MINUANO)
        )
        assert changed.written == all_slices.written


def test_a_contender_that_writes_other_rows_is_an_error(harness: Harness, results: Results) -> None:
    part = PLAN.part(Workload.YEAR)
    with Contest(harness, Results({})) as contest:
        contest.run("some days", MINUANO, Work(part=part, days=1))
        with pytest.raises(MinuanoError, match="floor wrote other windows: 2304 rows"):
            contest.run("some days", FLOOR, Work(part=part, days=2))


def test_an_error_of_a_script_ends_the_benchmark(harness: Harness, results: Results) -> None:
    work = Work(part=PLAN.part(Workload.YEAR), days=1, variables=("unknown",))
    with Contest(harness, Results({})) as contest, pytest.raises(MinuanoError, match="unknown"):
        contest.run("some days", FLOOR, work)


def test_a_run_has_the_costs_of_the_processes_that_worked_for_it(results: Results) -> None:
    [minuano], [script], [naive] = (results.of(FIRST, name) for name in (MINUANO, FLOOR, NAIVE))
    assert minuano.seconds > 0
    assert minuano.redis_mb > 0
    assert minuano.peak_mb["loader-1"] > 50
    assert minuano.cpu_s.keys() >= {"PostgreSQL", "extractor-1", "aggregator-2", "loader-1"}
    assert SCRIPT not in minuano.cpu_s
    assert script.cpu_s.keys() == {"PostgreSQL", SCRIPT}
    assert naive.cpu_s.keys() == {"PostgreSQL", SCRIPT, "naive-connector"}


def test_a_day_is_timed_for_every_contender(results: Results) -> None:
    lengths = {name: len(ms) for name, ms in results.latencies_ms.items()}
    assert lengths == dict.fromkeys(ALL | {NAIVE}, PLAN.latency_days)


def test_the_lists_of_jobs_are_requested(results: Results) -> None:
    assert results.responses_ms.keys() == {"`GET /jobs`", "jobs page", "overview page"}


def test_the_document_has_every_workload(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    begin, end = FIGURES
    path.write_text(f"# Before\n{begin}\nold figures\n{end}\n# After\n")
    publish(report.markdown(results), path, FIGURES)
    document = path.read_text()
    assert document.startswith("# Before\n")
    assert document.endswith("# After\n")
    assert "old figures" not in document
    for title in (FIRST, AGAIN, CHANGED, MONTH, TEN_HZ):
        assert f"### {title[0].upper()}{title[1:]}\n" in document


def test_the_json_holds_every_run(results: Results) -> None:
    content: dict[str, Any] = json.loads(json.dumps(results.as_json()))
    assert [(run["workload"], run["contender"]) for run in content["runs"]] == [
        (run.workload, run.contender) for run in results.runs
    ]
    assert content["latencies_ms"] == results.latencies_ms
    assert content["machine"].keys() >= {"cpu", "cores", "PostgreSQL"}


def test_a_job_that_cannot_be_loaded_raises_an_error_with_the_log_of_the_loader(
    harness: Harness,
) -> None:
    harness.empty()
    harness.in_target(NO_ROOM)
    request = {**date_range(1), "assets": ["T01"]}
    try:
        job = harness.submit(request)
        with pytest.raises(MinuanoError, match=r"loader-1\.log.*No space left on device"):
            harness.finish(job, stalled_after_s=1.5)
    finally:
        harness.in_target("DROP FUNCTION no_room CASCADE")
    harness.finish(job)


def test_the_error_of_a_job_that_waits_has_what_it_waits_for(harness: Harness) -> None:
    harness.empty()
    harness.in_target("BEGIN; LOCK TABLE data")
    try:
        job = harness.submit({**date_range(1), "assets": ["T01"]})
        with pytest.raises(MinuanoError, match=r"PostgreSQL: minuano-loader active Lock relation"):
            harness.finish(job, stalled_after_s=1.5)
    finally:
        harness.in_target("ROLLBACK")
    harness.finish(job)
