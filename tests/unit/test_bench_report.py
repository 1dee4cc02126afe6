"""The benchmark's report follows from the measurements."""

import pytest

from bench import report
from bench.results import Results, Run, by_service, quantile
from bench.workloads import AGAIN, COPY, DAY, FIRST, NAIVE, SHIPPED_NAME

YEAR_ROWS = 525_600


def run(
    workload: str, contender: str, seconds: float, *, rows: int = YEAR_ROWS, mb: float = 120
) -> Run:
    return Run(
        workload=workload, contender=contender, rows=rows, seconds=seconds,
        cpu_s={"PostgreSQL": 1.0, "Redis": 0.02, "loader-1": 0.98},
        peak_mb={"PostgreSQL": 30.0, "loader-1": mb}, stages_ms={"extract": 1.0},
    )  # fmt: skip


@pytest.fixture
def results() -> Results:
    results = Results({"cpu": "some"})
    results.runs += [
        run(FIRST, NAIVE, 3, rows=YEAR_ROWS // 12), run(FIRST, COPY, 2),
        run(FIRST, SHIPPED_NAME, 1, mb=140), run(AGAIN, SHIPPED_NAME, 0.2),
        run(DAY, SHIPPED_NAME, 0.02, rows=1_440),
    ]  # fmt: skip
    results.latencies_ms = [20.0] * 95 + [30.0] * 5
    return results


def test_figures_are_medians_of_the_runs() -> None:
    results = Results({})
    results.runs += [run(FIRST, SHIPPED_NAME, seconds) for seconds in (1, 2, 9)]
    assert results.seconds(FIRST, SHIPPED_NAME) == 2
    assert results.rows_per_s(FIRST, SHIPPED_NAME) == YEAR_ROWS / 2


def test_a_row_has_the_ratios_to_both_baselines(results: Results) -> None:
    lines = report.markdown(results).splitlines()
    [first] = [line for line in lines if line.startswith(f"| {FIRST} | {SHIPPED_NAME} ")]
    # The naive script loads a twelfth of a year in 3 s, the COPY script a year in 2 s.
    assert first.split(" | ")[2:] == ["1.00", "525,600", "36.00", "2.00 |"]


def test_a_service_has_its_share_of_the_cpu_time_and_its_peaks(results: Results) -> None:
    lines = report.markdown(results).splitlines()
    assert "| loader | 0.98 | 49% | 120 | 140 |" in lines
    assert "| PostgreSQL | 1.00 | 50% |  |  |" in lines


def test_the_latencies_are_reported_as_quantiles(results: Results) -> None:
    assert "| ms: p50 20.0, p95 20.0, p99 30.0 |" in report.markdown(results)


@pytest.mark.parametrize(("q", "value"), [(0.0, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_a_quantile_is_the_nearest_rank(q: float, value: float) -> None:
    assert quantile([4, 1, 3, 2], q) == value


def test_processes_of_a_service_are_added_up_the_largest_first() -> None:
    processes = {"Redis": 1.0, "loader-1": 2.0, "loader-2": 3.0}
    assert list(by_service(processes).items()) == [("loader", 5.0), ("Redis", 1.0)]
