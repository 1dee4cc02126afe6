"""The limits that `make limits` tries out, with small numbers; and that a broken one is seen."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.limits import backlog, jobs, pages, slow
from bench.limits.backlog import Bounds
from bench.limits.limit import Limit, table
from bench.rig import Rig, rig
from tests.integration.serving import served, url

BOUNDS = Bounds(entries=4, mb=128)
SETTINGS = {"MINUANO_MAX_BACKLOG": "4", "MINUANO_MAX_QUEUED_JOBS": "20"}
DAYS = 14
SHORT_S = 0.5


def tell(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def small() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="minuano-limits-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with rig(folder, days=DAYS, settings=SETTINGS) as made:
            yield made


def test_bounds_of_the_backlog_hold_while_the_loader_is_away(small: Rig) -> None:
    found = backlog.without_loader(small, BOUNDS, days=DAYS, away_s=2, tell=tell)
    assert [limit for limit in found if not limit.held] == []


def test_hundreds_of_jobs_at_once_end_or_are_refused(small: Rig) -> None:
    posted, swept = jobs.posted(small, jobs=150, clients=30, max_waiting=20, tell=tell)
    assert posted.held, posted
    assert " 0 refused" not in posted.measured
    assert swept.held, swept


def test_jobs_by_hand_end_every_one(small: Rig) -> None:
    found = jobs.added(small, jobs=50, tell=tell)
    assert found.held, found


def test_a_crowd_at_the_connector_gets_all_its_rows(small: Rig) -> None:
    found = pages.paged(small, clients=20, tell=tell)
    assert [limit for limit in found if not limit.held] == []


def test_slow_senders_are_ended_by_their_bound() -> None:
    with served(request_within_s=SHORT_S) as address:
        found = slow.senders(url(address), count=20, probe="/", tell=tell, within_s=SHORT_S)
    assert found.held, found


def test_clients_that_do_not_read_are_ended_by_their_bound() -> None:
    with served(taken_within_s=SHORT_S) as address:
        found = slow.readers(
            url(address), count=3, path="/large", probe="/", pid=os.getpid(), tell=tell,
            within_s=SHORT_S,
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
