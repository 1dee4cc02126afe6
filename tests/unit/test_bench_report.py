"""What the benchmark says follows from what was measured."""

import pytest

from bench import report
from bench.goals import SHIPS, goals
from bench.results import Results, Run
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

YEAR = 525_600


def run(work: str, contender: str, seconds: float, *, rows: int = YEAR, mb: float = 120) -> Run:
    return Run(
        work=work, contender=contender, rows=rows, seconds=seconds,
        cpu_s={"PostgreSQL": 1.0, "Redis": 0.02, "loader-1": 0.98},
        peak_mb={"PostgreSQL": 30.0, "loader-1": mb}, stages_ms={"extract": 1.0},
    )  # fmt: skip


def measured(*, again_s: float = 0.2, p99_ms: float = 30, mb: float = 120) -> Results:
    results = Results({"cpu": "some"})
    results.message_ms = 0.1
    for made in (
        run(FIRST, PLAIN, 3, rows=YEAR // 12), run(FIRST, FLOOR, 2), run(FIRST, SHIPS, 1, mb=mb),
        run(AGAIN, SHIPS, again_s), run(CHANGED, SHIPS, 0.3), run(DECLARED, FLOOR, 2),
        run(DECLARED, SHIPS, 1.5), run(DAY, SHIPS, 0.02, rows=1_440),
        run(FAST_DAY, SHIPS, 0.5, rows=864_000), run(FARM, SHIPS, 2, rows=864_000),
        run(BY_DAYS.format(365), SHIPS, 1), run(BY_DAYS.format(1826), SHIPS, 5, rows=5 * YEAR),
        run(BY_ASSETS.format(1), SHIPS, 0.1, rows=43_200),
        run(BY_ASSETS.format(100), SHIPS, 10, rows=4_320_000),
    ):  # fmt: skip
        results.add(made)
    results.latencies_ms = [20.0] * 95 + [p99_ms] * 5
    return results


def verdicts(results: Results) -> dict[str, bool]:
    return {goal.what: goal.met for goal in goals(results)}


def test_goals_are_met_where_the_figures_are_good() -> None:
    missed = [goal for goal in goals(measured()) if not goal.met]
    assert missed == []


@pytest.mark.parametrize(
    ("results", "what"),
    [
        (measured(again_s=0.5), "a year again, unchanged"),
        (measured(p99_ms=60), "its p99"),
        (measured(mb=210), "peak memory of a service"),
        (measured(mb=140), "from a day to a year"),
    ],
    ids=["again", "p99", "memory", "growth of memory"],
)
def test_a_goal_that_is_missed_says_so(results: Results, what: str) -> None:
    assert not verdicts(results)[what]


def test_figures_are_medians_of_the_runs() -> None:
    results = Results({})
    for seconds in (1, 2, 9):
        results.add(run(FIRST, SHIPS, seconds))
    assert results.seconds(FIRST, SHIPS) == 2
    assert results.rows_per_s(FIRST, SHIPS) == YEAR / 2


def test_the_report_names_every_work_contender_and_ratio() -> None:
    lines = report.markdown(measured()).splitlines()
    [first] = [line for line in lines if line.startswith(f"| {FIRST} | {SHIPS} ")]
    # Plain does a twelfth of a year in 3 s, the floor a year in 2 s.
    assert first.split(" | ")[2:] == ["1.00", "525,600", "36.00", "2.00 |"]
