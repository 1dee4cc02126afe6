"""The benchmark's report follows from the measurements."""

import pytest

from bench import report
from bench.contest import DUCKDB, FLOOR, MINUANO, SCRIPT
from bench.distance.measurements import Distance
from bench.distance.report import round_trips_in_a_row
from bench.results import Results, Run, by_service, quantile
from bench.workloads import AGAIN, DAY, DAYS, FIRST

YEAR_ROWS = 525_600
SERVICES_CPU_S = {"PostgreSQL": 1.0, "Redis": 0.02, "loader-1": 0.98}


def run(workload: str, contender: str, seconds: float, *, mb: float = 120) -> Run:
    return Run(
        workload=workload, contender=contender, rows=YEAR_ROWS, slices=365, seconds=seconds,
        cpu_s=SERVICES_CPU_S if contender == MINUANO else {"PostgreSQL": 0.5, SCRIPT: 0.25},
        peak_mb={"PostgreSQL": 30.0, "loader-1": mb}, stages_ms={"extract": 1.0}, written=1_000,
    )  # fmt: skip


@pytest.fixture
def results() -> Results:
    results = Results({"cpu": "some"})
    results.runs += [
        run(FIRST, DUCKDB, 2), run(FIRST, FLOOR, 0.5), run(FIRST, MINUANO, 1, mb=140),
        run(AGAIN, MINUANO, 0.2), run(DAY, MINUANO, 0.02), run(DAYS.format(365), MINUANO, 0.73),
    ]  # fmt: skip
    return results


def test_figures_are_medians_of_the_runs() -> None:
    results = Results({})
    results.runs += [run(FIRST, MINUANO, seconds) for seconds in (1, 2, 9)]
    assert results.seconds(FIRST, MINUANO) == 2
    assert results.cpu_s(FIRST, MINUANO) == 2


def test_a_row_has_cpu_seconds_and_the_ratios_to_duckdb_and_to_the_floor(results: Results) -> None:
    lines = report.markdown(results).splitlines()
    assert f"| {MINUANO} | 1.00 | 2.00 | 0.50 | 2.00 | 1,000 |" in lines
    assert f"| {FLOOR} | 0.50 | 0.75 | 0.25 | 1.00 | 1,000 |" in lines


def test_a_ratio_is_left_out_if_the_other_contender_did_not_run(results: Results) -> None:
    assert f"| {MINUANO} | 0.20 | 2.00 |  |  | 1,000 |" in report.markdown(results).splitlines()


def test_a_missing_contender_is_reported_with_the_reason(results: Results) -> None:
    results.left_out["DuckDB"] = "the module duckdb is not installed"
    assert "DuckDB is left out: the module duckdb is not installed" in report.markdown(results)


def test_growth_is_reported_per_slice(results: Results) -> None:
    assert "| 365 days | 0.73 | 2.00 | 2.00 |" in report.markdown(results)


def test_a_service_has_its_share_of_the_cpu_time_and_its_peaks(results: Results) -> None:
    lines = report.markdown(results).splitlines()
    assert "| loader | 0.98 | 49% | 120 | 140 |" in lines
    assert "| PostgreSQL | 1.00 | 50% |  |  |" in lines


def test_the_latencies_are_reported_as_quantiles(results: Results) -> None:
    results.latencies_ms[MINUANO] = [20.0] * 95 + [30.0] * 5
    assert f"| {MINUANO} | 20.0 | 20.0 | 30.0 | 100 |" in report.markdown(results)


def test_the_lists_of_jobs_are_reported_with_the_slowest_response(results: Results) -> None:
    results.responses_ms["jobs page"] = [10.0, 11.0, 40.0]
    assert "| jobs page | 11 | 40 |" in report.markdown(results)


@pytest.mark.parametrize(("q", "value"), [(0.0, 1), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_a_quantile_is_the_nearest_rank(q: float, value: float) -> None:
    assert quantile([4, 1, 3, 2], q) == value


def test_processes_of_a_service_are_added_up_the_largest_first() -> None:
    processes = {"Redis": 1.0, "loader-1": 2.0, "loader-2": 3.0}
    assert list(by_service(processes).items()) == [("loader", 5.0), ("Redis", 1.0)]


def test_round_trips_in_a_row_are_what_the_distance_adds() -> None:
    near = Distance(0, measured_ms=0.5, latencies_ms=[25.0, 20.0, 22.0])
    far = Distance(50, measured_ms=50.5, latencies_ms=[522.0])
    assert round_trips_in_a_row(far, near) == 10
