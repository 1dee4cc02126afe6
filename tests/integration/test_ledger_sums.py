"""The sums of a job: published and loaded slices, their samples, windows and times."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import permutations

import pytest
from sqlalchemy import Engine, text

from shared.domain.slices import Slice
from shared.ledger import publish_marks
from shared.ledger.ledger import Ledger
from shared.ledger.load_marks import LoadedSlice, marks
from shared.ledger.open_jobs import OpenJobs
from shared.postgres import engines
from tests.actors import TESTER
from tests.integration.ledger_jobs import fail, slices_of, started
from tests.integration.loader import fetch
from tests.ledger_sums import WRONG_SUMS


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


def loaded(slice_: Slice, **changed: object) -> LoadedSlice:
    values = LoadedSlice(
        slice=slice_, rows=1_440, windows=144, present=2_880, expected=2_890, superseded=False,
        extract_ms=1.5, aggregate_ms=2.5, load_ms=3.5, fingerprints=("00000000000000ff", "a"),
        contents=(-18, None),
    )  # fmt: skip
    return replace(values, **changed)  # type: ignore[arg-type]


def mark_loaded(target: Engine, slices: Sequence[LoadedSlice]) -> None:
    statement, values = marks(slices)
    with target.begin() as connection:
        connection.execute(text(statement), values)


def test_the_sums_of_a_job_are_those_of_its_slices(target: Engine, ledger: Ledger) -> None:
    job = started(ledger, assets=("T01", "T02", "T03"))
    first, second, third = slices_of(job)
    ledger.mark_published([first, second])
    mark_loaded(target, [loaded(second, superseded=True)])
    mark_loaded(target, [loaded(first, rows=7, windows=1, present=14, expected=20), loaded(third)])
    job = ledger.job(job.id)
    assert (job.published, job.loaded, job.superseded) == (3, 3, 1)
    assert (job.rows, job.windows, job.present, job.expected) == (2_887, 289, 5_774, 5_800)
    assert (job.extract_ms, job.aggregate_ms, job.load_ms) == (4.5, 7.5, 10.5)
    assert fetch(target, WRONG_SUMS) == []


def test_a_slice_keeps_what_was_marked(target: Engine, ledger: Ledger) -> None:
    [first, _] = slices_of(started(ledger))
    name = 'a "quoted" {name}, \\ and ü'
    mark_loaded(target, [loaded(replace(first, variables=(name, "power")))])
    columns = 'asset, start, "end", variables, window_s, fingerprints, contents, loaded_at <= now()'
    assert fetch(target, f"SELECT {columns} FROM etl.slice") == [
        (
            "T01",
            first.start,
            first.end,
            [name, "power"],
            600,
            ["00000000000000ff", "a"],
            [-18, None],
            True,
        )
    ]


@pytest.mark.parametrize("order", [*permutations(("publish", "load", "publish again"))])
def test_the_marks_of_a_slice_may_come_in_any_order(
    target: Engine, ledger: Ledger, order: Sequence[str]
) -> None:
    job = started(ledger)
    [first, second] = slices_of(job)
    for step in order:
        if step == "load":
            mark_loaded(target, [loaded(first)])
        else:
            ledger.mark_published([first, second])
    job = ledger.job(job.id)
    assert (job.published, job.loaded) == (2, 1)
    assert fetch(target, WRONG_SUMS) == []


def test_a_slice_is_added_to_the_sums_once(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    [first, second] = slices_of(job)
    mark_loaded(target, [loaded(first)])
    mark_loaded(target, [loaded(first, rows=1), loaded(second)])
    job = ledger.job(job.id)
    assert (job.published, job.loaded, job.rows) == (2, 2, 2_880)
    assert fetch(target, WRONG_SUMS) == []


def test_a_retry_keeps_the_sums(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    [first, second] = slices_of(job)
    ledger.mark_published([first, second])
    mark_loaded(target, [loaded(first)])
    fail(ledger, job.id)
    job = ledger.retry(job.id, by=TESTER)
    assert (job.state, job.published, job.loaded) == ("running", 2, 1)
    [_, second] = slices_of(job)
    ledger.mark_published([second])
    mark_loaded(target, [loaded(second)])
    job = ledger.job(job.id)
    assert (job.state, job.published, job.loaded) == ("done", 2, 2)
    assert fetch(target, WRONG_SUMS) == []


def test_each_job_of_a_transaction_gets_its_own_sums(target: Engine, ledger: Ledger) -> None:
    one, other = started(ledger), started(ledger)
    mark_loaded(target, [loaded(slices_of(other)[0], rows=5), *map(loaded, slices_of(one))])
    one, other = ledger.by_ids([one.id, other.id])
    assert ((one.loaded, one.rows), (other.loaded, other.rows)) == ((2, 2_880), (1, 5))
    assert (one.state, other.state) == ("done", "running")


def test_a_job_ends_when_its_last_slice_is_loaded(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    ends = []
    for slice_ in slices_of(job):
        mark_loaded(target, [loaded(slice_)])
        ends += fetch(target, "SELECT done_at IS NOT NULL FROM etl.job")
    assert ends == [(False,), (True,)]


def test_a_load_is_progress(target: Engine, ledger: Ledger) -> None:
    job, open_jobs = started(ledger), OpenJobs(target)
    mark_loaded(target, [loaded(slices_of(job)[0])])
    assert open_jobs.progress()[job.id].progressed_at is not None


def test_concurrent_marks_neither_deadlock_nor_get_lost(target: Engine, ledger: Ledger) -> None:
    jobs = [started(ledger, assets=tuple(f"T{n:02d}" for n in range(8))) for _ in range(2)]
    pairs = list(zip(*map(slices_of, jobs), strict=True))

    def mark(pair: tuple[Slice, Slice]) -> None:
        first, second = pair
        mark_loaded(target, [loaded(second), loaded(first)])

    with ThreadPoolExecutor(4) as pool:
        published = pool.map(lambda job: ledger.mark_published(slices_of(job)), jobs)
        list(pool.map(mark, pairs))
        list(published)
    assert [(job.loaded, job.published) for job in ledger.jobs(limit=2)] == [(8, 8), (8, 8)]
    assert fetch(target, WRONG_SUMS) == []


def test_only_the_mark_of_published_slices_does_not_wait_for_the_disk(
    target: Engine, ledger: Ledger
) -> None:
    setting = text("SELECT current_setting('synchronous_commit')")
    slices = slices_of(started(ledger))
    with target.connect() as connection:
        with connection.begin():
            publish_marks.mark_published(connection, slices)
            during = connection.scalar(setting)
        assert (during, connection.scalar(setting)) == ("off", "on")


@contextmanager
def impatient(target: Engine) -> Iterator[Engine]:
    """An engine that waits only a second for a lock."""
    url = target.url.render_as_string(hide_password=False)
    engine = engines.connect(url, application="test", lock_timeout_s=1.0)
    yield engine
    engine.dispose()


def test_a_job_can_be_cancelled_while_a_transaction_adds_slices(
    target: Engine, ledger: Ledger
) -> None:
    job = started(ledger)
    with target.begin() as connection:
        connection.execute(
            text(
                'INSERT INTO etl.slice (job_id, asset, start, "end", variables, window_s) '
                "VALUES (:job, 'T01', now(), now(), '{}', 600)"
            ),
            {"job": job.id},
        )
        with impatient(target) as engine:
            assert Ledger(engine).cancel(job.id, by=TESTER).state == "cancelled"


def test_a_ledger_keeps_its_identity(target: Engine, ledger: Ledger) -> None:
    [[schema]] = fetch(target, "SELECT CAST(id AS text) FROM etl.ledger")
    first, second = ledger.identity(), Ledger(target).identity()
    assert first == second
    assert first.schema == schema != first.current
