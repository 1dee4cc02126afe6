"""The benchmark compares what does the same: every contender leaves the same values."""

import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from bench import floor, plain
from bench.rig import START, Rig, rig
from shared.database import sqlalchemy_url

FIRST = datetime.combine(START, time(), UTC)
VALUES_A_DAY = 1_152

Values = dict[tuple[str, datetime], float]


@pytest.fixture(scope="module")
def one_day() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="minuano-bench-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with rig(folder, days=1) as made:
            yield made


def values(made: Rig) -> Values:
    rows = made.in_target(
        "SELECT s.name, d.timestamp, d.value FROM data d JOIN signal s ON s.id = d.signal_id"
    )
    return {(name, stamp): value for name, stamp, value in rows}


@pytest.fixture(scope="module")
def ours(one_day: Rig) -> Values:
    one_day.empty()
    one_day.run_day(START)
    return values(one_day)


def same(found: Values, wanted: Values) -> bool:
    return found.keys() == wanted.keys() and all(
        math.isclose(value, wanted[key], rel_tol=1e-9, abs_tol=1e-9) for key, value in found.items()
    )


def test_minuano_loads_the_day(ours: Values) -> None:
    assert len(ours) == VALUES_A_DAY


def test_plain_leaves_the_same_values(one_day: Rig, ours: Values) -> None:
    one_day.empty()
    target = create_engine(sqlalchemy_url(one_day.addresses.target_url))
    with httpx.Client(base_url=one_day.serve_plain(), timeout=60, trust_env=False) as connector:
        plain.run_day(connector, target, FIRST)
    target.dispose()
    assert same(values(one_day), ours)


def test_floor_leaves_the_same_values(one_day: Rig, ours: Values) -> None:
    one_day.empty()
    count = floor.run(one_day.addresses.source_url, one_day.addresses.target_url, FIRST, 1)
    assert count == VALUES_A_DAY
    assert same(values(one_day), ours)


def test_a_run_is_measured(one_day: Rig) -> None:
    one_day.empty()
    run = one_day.measured("a day", "minuano", 1_440, lambda: one_day.run_day(START))
    assert run.written == VALUES_A_DAY
    assert run.seconds > 0
    assert run.redis_mb > 0
    assert run.peak_mb["loader-1"] > 50
    assert one_day.measured("again", "minuano", 1_440, lambda: one_day.run_day(START)).written == 0
