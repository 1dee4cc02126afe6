"""The limits that `make limits` tries out, with small numbers; and that a broken one is seen."""

import os

import pytest

from bench.load import slow_clients
from bench.load.backpressure import Bounds
from bench.load.result import Limit, table
from bench.load.suite import Scale, markdown, run
from tests.integration.serving import served, url
from tests.polling import WITHIN_S

BOUNDS = Bounds(entries=4, mb=128)
# Services that wait for entries notice only after that time that they are asked to stop.
SETTINGS = {"MINUANO_READ_BLOCK_S": "0.2"}
SHORT_S = 0.5


def tell(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def limits() -> list[Limit]:
    return run(Scale.tiny(), tell, settings=SETTINGS)


def those(limits: list[Limit], what: str) -> list[Limit]:
    chosen = [limit for limit in limits if what in limit.done]
    assert chosen
    return chosen


def test_every_limit_holds(limits: list[Limit]) -> None:
    assert [limit for limit in limits if not limit.held] == []


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("days of one turbine, the loader away", 2),
        ("the loader returns", 2),
        ("`POST /jobs`", 2),
        ("before the sweeper", 2),
        ("jobs by `XADD`", 1),
        ("pages a day as", 2),
        ("send a byte", 1),
        ("do not read", 1),
    ],
)
def test_every_limit_is_tried(limits: list[Limit], what: str, rows: int) -> None:
    assert len(those(limits, what)) == rows


def test_jobs_beyond_the_bound_are_refused(limits: list[Limit]) -> None:
    assert " 0 refused" not in those(limits, "150 `POST /jobs`")[0].measured


def test_the_document_names_the_machine_and_every_limit(limits: list[Limit]) -> None:
    text = markdown(limits)
    assert text.startswith("Measured on: cpu ")
    assert [limit for limit in limits if f"| {limit.done} |" not in text] == []


def test_slow_senders_are_ended_by_their_bound() -> None:
    with served(request_within_s=SHORT_S) as address:
        found = slow_clients.senders(
            url(address), count=20, probe="/", tell=tell, within_s=SHORT_S, margin_s=WITHIN_S
        )
    assert found.held, found


def test_clients_that_do_not_read_are_ended_by_their_bound() -> None:
    with served(taken_within_s=SHORT_S) as address:
        found = slow_clients.readers(
            url(address), count=3, path="/large", probe="/", pid=os.getpid(), tell=tell,
            within_s=SHORT_S, margin_s=WITHIN_S,
        )  # fmt: skip
    assert found.held, found


@pytest.mark.parametrize(
    ("found", "held"),
    [
        ({"stats": 5, "stats_mb": 0.05}, True),
        ({"stats": 6, "stats_mb": 0.06}, False),
        ({"stats": 4, "stats_mb": 128.02}, True),
        ({"stats": 4, "stats_mb": 128.03}, False),
    ],
)
def test_what_writers_have_in_hand_may_come_on_top_of_the_bound(
    found: dict[str, float], held: bool
) -> None:
    full = {"stats": 4.0, "stats_mb": 0.04}
    assert BOUNDS.hold(found, full, "stats", in_hand=2) is held


def test_the_table_shows_what_did_not_hold() -> None:
    rows = table([Limit("this", "1", "1", held=True), Limit("that", "1", "2", held=False)])
    assert rows.splitlines()[2:] == ["| this | 1 | 1 | yes |", "| that | 1 | 2 | **no** |"]
