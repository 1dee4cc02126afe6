"""The benchmark runs from its first part to its figures. It compares what does the same work: every
contender leaves the same values.
"""

import json
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine

from bench import baseline_copy, baseline_naive
from bench.goals import SHIPS
from bench.harness import START, Harness, rig_over
from bench.plan import Plan, Source
from bench.results import Results
from bench.suite import run
from bench.workloads import (
    AGAIN,
    BY_ASSETS,
    BY_DAYS,
    CHANGED,
    DAY,
    DECLARED,
    FARM,
    FAST_DAY,
    FIRST,
    FLOOR,
    PLAIN,
)
from cli.commands.bench import BEGIN, END, publish
from shared.errors import MinuanoError
from shared.postgres.urls import sqlalchemy_url

FIRST_DAY = datetime.combine(START, time(), UTC)
VALUES_A_DAY = 1_152
PLAN = Plan.tiny()
YEAR_VALUES = PLAN.year_days * VALUES_A_DAY

# Services that wait for entries notice only after that time that they are asked to stop.
SETTINGS = {"MINUANO_READ_BLOCK_S": "0.2"}

Values = dict[tuple[str, datetime], float]


@pytest.fixture(scope="module")
def one_turbine() -> Iterator[Harness]:
    with rig_over(PLAN.one_turbine, SETTINGS) as opened:
        yield opened


@pytest.fixture(scope="module")
def results(one_turbine: Harness) -> Results:
    """All parts of the benchmark; its first stack is the one that the other tests use."""

    def open_rig(source: Source) -> AbstractContextManager[Harness]:
        if source == PLAN.one_turbine:
            return nullcontext(one_turbine)
        return rig_over(source, SETTINGS)

    return run(PLAN, lambda _: None, open_rig=open_rig)


@pytest.fixture(scope="module")
def published(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with everything that the command writes."""
    folder = tmp_path_factory.mktemp("published")
    document = folder / "performance.md"
    document.write_text(f"# Before\n{BEGIN}\nold figures\n{END}\n# After\n")
    publish(
        results, json_file=folder / "runs.json", document=document, picture=folder / "performance"
    )
    return folder


def rows_written(results: Results) -> dict[tuple[str, str], int]:
    return {(run.work, run.contender): run.written for run in results.runs}


def values(rig: Harness) -> Values:
    rows = rig.in_target(
        "SELECT s.name, d.timestamp, d.value FROM data d JOIN signal s ON s.id = d.signal_id"
    )
    return {(name, stamp): value for name, stamp, value in rows}


@pytest.fixture
def ours(one_turbine: Harness) -> Values:
    one_turbine.empty()
    one_turbine.run_day(START)
    return values(one_turbine)


def same(found: Values, wanted: Values) -> bool:
    return found.keys() == wanted.keys() and all(
        math.isclose(value, wanted[key], rel_tol=1e-9, abs_tol=1e-9) for key, value in found.items()
    )


def test_every_contender_writes_every_value_of_the_work(results: Results) -> None:
    farm_values = VALUES_A_DAY * PLAN.farm_days
    written = rows_written(results)
    changed = written.pop((CHANGED, SHIPS))
    assert 0 < changed < VALUES_A_DAY
    assert written == {
        (FIRST, PLAIN): YEAR_VALUES,
        (FIRST, FLOOR): YEAR_VALUES,
        (FIRST, "minuano 1A 1L"): YEAR_VALUES,
        (FIRST, SHIPS): YEAR_VALUES,
        (AGAIN, SHIPS): 0,
        (DECLARED, FLOOR): YEAR_VALUES,
        (DECLARED, SHIPS): YEAR_VALUES,
        (DAY, SHIPS): VALUES_A_DAY,
        (BY_DAYS.format(1), SHIPS): VALUES_A_DAY,
        (BY_DAYS.format(11), SHIPS): 11 * VALUES_A_DAY,
        (BY_ASSETS.format(1), SHIPS): farm_values,
        (FARM, SHIPS): 20 * farm_values,
        (FAST_DAY, SHIPS): 20 * VALUES_A_DAY,
    }
    assert len(results.latencies_ms) == PLAN.times


def test_a_run_tells_what_it_took_of_each_part(results: Results) -> None:
    [run] = results.of(FIRST, SHIPS)
    assert run.seconds > 0
    assert run.redis_mb > 0
    assert run.peak_mb["loader-1"] > 50
    assert run.cpu_s.keys() >= {"PostgreSQL", "extractor-1", "aggregator-2", "loader-1"}


def test_the_report_has_a_row_for_every_run(results: Results, published: Path) -> None:
    document = (published / "performance.md").read_text()
    assert document.startswith("# Before\n")
    assert document.endswith("# After\n")
    assert "old figures" not in document
    missing = [run for run in results.runs if f"| {run.work} | {run.contender} |" not in document]
    assert missing == []


def test_the_json_file_holds_every_run(results: Results, published: Path) -> None:
    told: dict[str, Any] = json.loads((published / "runs.json").read_text())
    assert [(run["work"], run["contender"]) for run in told["runs"]] == [
        (run.work, run.contender) for run in results.runs
    ]
    assert told["latencies_ms"] == results.latencies_ms
    assert told["machine"].keys() >= {"cpu", "cores", "PostgreSQL"}


def test_the_picture_is_drawn_in_both_formats(published: Path) -> None:
    assert (published / "performance.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (published / "performance.svg").read_text()


def test_minuano_loads_the_day(ours: Values) -> None:
    assert len(ours) == VALUES_A_DAY


def test_plain_leaves_the_same_values(one_turbine: Harness, ours: Values) -> None:
    one_turbine.empty()
    target = create_engine(sqlalchemy_url(one_turbine.addresses.target_url))
    with httpx.Client(base_url=one_turbine.serve_plain(), timeout=60, trust_env=False) as connector:
        baseline_naive.run_day(connector, target, FIRST_DAY)
    target.dispose()
    assert same(values(one_turbine), ours)


def test_floor_leaves_the_same_values(one_turbine: Harness, ours: Values) -> None:
    one_turbine.empty()
    addresses = one_turbine.addresses
    assert (
        baseline_copy.run(addresses.source_url, addresses.target_url, FIRST_DAY, 1) == VALUES_A_DAY
    )
    assert same(values(one_turbine), ours)


def test_a_job_that_the_loader_cannot_load_ends_the_wait_with_its_log(one_turbine: Harness) -> None:
    one_turbine.empty()
    one_turbine.in_target("ALTER TABLE etl.slice RENAME fingerprints TO hidden")
    try:
        job = one_turbine.ask({"date": START.isoformat()})
        with pytest.raises(MinuanoError, match=r"loader-1\.log.*fingerprints"):
            one_turbine.finish(job)
    finally:
        one_turbine.in_target("ALTER TABLE etl.slice RENAME hidden TO fingerprints")
    one_turbine.finish(job)
