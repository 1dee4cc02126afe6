"""The load tests of `make load-test` with small numbers; a violated bound must be reported."""

import os

import pytest

from bench.load import slow_clients
from bench.load.backpressure import Bounds
from bench.load.suite import Load, markdown, run
from bench.results import LoadResult
from tests.integration.serving import served, url
from tests.polling import WITHIN_S

BOUNDS = Bounds(entries=4, mb=128)
# No slow clients: services disconnect them only after 20 and 60 s.
LOAD = Load(
    bounds=BOUNDS, max_queued=20, days=30, stopped_s=0.5, jobs=150, job_clients=30,
    added_jobs=50, paging_clients=20, senders=0, readers=0,
)  # fmt: skip
# An idle service stops after at most this time.
SETTINGS = {"MINUANO_READ_BLOCK_S": "0.2"}
SHORT_S = 0.5


@pytest.fixture(scope="module")
def results() -> list[LoadResult]:
    return run([LOAD], lambda _: None, settings=SETTINGS)


def of(results: list[LoadResult], action: str) -> list[LoadResult]:
    matching = [result for result in results if action in result.action]
    assert matching
    return matching


def test_every_bound_holds(results: list[LoadResult]) -> None:
    assert [result for result in results if not result.held] == []


@pytest.mark.parametrize(
    ("action", "rows"),
    [
        ("days, the loader stopped", 1),
        ("the loader starts again", 1),
        ("`POST /jobs`", 1),
        ("the sweeper", 1),
        ("jobs by `XADD`", 1),
        ("page through a day as", 2),
    ],
)
def test_every_load_test_has_its_results(results: list[LoadResult], action: str, rows: int) -> None:
    assert len(of(results, action)) == rows


def test_jobs_beyond_the_bound_are_refused(results: list[LoadResult]) -> None:
    assert " 0 refused" not in of(results, "150 `POST /jobs`")[0].measured


def test_the_document_names_the_machine_and_every_result(results: list[LoadResult]) -> None:
    text = markdown(results)
    assert text.startswith("Measured on: cpu ")
    assert [result for result in results if f"| {result.action} |" not in text] == []


def test_slow_senders_are_disconnected_in_time() -> None:
    with served(request_timeout_s=SHORT_S) as address:
        result = slow_clients.slow_senders(
            url(address), count=20, probe="/", within_s=SHORT_S, margin_s=WITHIN_S
        )
    assert result.held, result


def test_clients_that_do_not_read_are_disconnected_in_time() -> None:
    with served(read_timeout_s=SHORT_S) as address:
        result = slow_clients.slow_readers(
            url(address), count=3, path="/large", probe="/", pid=os.getpid(),
            within_s=SHORT_S, margin_s=WITHIN_S,
        )  # fmt: skip
    assert result.held, result


@pytest.mark.parametrize(
    ("highest", "held"),
    [
        ({"stats": 5, "stats_mb": 0.05}, True),
        ({"stats": 6, "stats_mb": 0.06}, False),
        ({"stats": 4, "stats_mb": 128.02}, True),
        ({"stats": 4, "stats_mb": 128.03}, False),
    ],
)
def test_entries_in_flight_may_exceed_the_bound(highest: dict[str, float], held: bool) -> None:
    full = {"stats": 4.0, "stats_mb": 0.04}
    assert BOUNDS.hold(highest, full, "stats", in_flight=2) is held


def test_the_table_marks_a_bound_that_did_not_hold() -> None:
    results = [LoadResult("first", "1", "1", held=True), LoadResult("second", "1", "2", held=False)]
    rows = markdown(results).splitlines()
    assert rows[-2:] == ["| first | 1 | 1 | yes |", "| second | 1 | 2 | **no** |"]
