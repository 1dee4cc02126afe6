"""Prune removes what nothing needs any more, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cli.embedded.postgres import Postgres
from services.extractor.daily_prune import DailyPrune
from services.extractor.settings import ExtractorSettings
from shared.clients.connector import DayFingerprints
from shared.domain.content_hash import series_of
from shared.domain.fingerprint import to_text
from shared.domain.spec import StatisticsSpec
from shared.errors import Conflict, InvalidInput
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.ledger.prune import Pruned, begin_daily
from shared.ledger.target_content import contents
from shared.ledger.unchanged import mark_unchanged
from shared.postgres import engines
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.commands import minuano
from tests.integration.loader import batch, fetch, loader, means, new_job, sliced, steady
from tests.integration.prune_case import (
    DAY,
    OLD_ID,
    PruneCase,
    make_older_job,
    old_audit_entry,
    prune_case,
)

YOUNG_ID = "*"
DAY_LENGTH = timedelta(days=1)
WHOLE_DAY = sliced(DAY_LENGTH)


@pytest.fixture
def case(target: Engine, postgres: Postgres, redis_settings: RedisSettings) -> Iterator[PruneCase]:
    url = postgres.url(target.url.database or "", "minuano_writer")
    pruner = engines.connect(url, application="test")
    with prune_case(target, pruner, redis_settings) as case:
        yield case
    pruner.dispose()


REPLACED: dict[str, dict[str, Any]] = {
    "the same": {},
    "more variables": {"variables": ("gust", "power", "wind_speed")},
    "another length of slices": {"spec": StatisticsSpec()},
    "more days and assets": {"days": 3, "assets": ("T00", "T01")},
    "failed, but the day is loaded": {"days": 2, "loaded": 2, "state": "failed"},
    "young": {"days_ago": 1},
}
NOT_REPLACED: dict[str, dict[str, Any]] = {
    "fewer variables": {"variables": ("power",)},
    "fewer statistics": {"spec": StatisticsSpec(slice_s=12 * 3600, statistics=("mean",))},
    "another window": {"spec": StatisticsSpec(slice_s=12 * 3600, window_s=300)},
    "another asset": {"assets": ("T02",)},
    "a part of the day": {"loaded": 1, "state": "failed"},
    "another day in its zone": {"timezone": "Asia/Tokyo"},
}


@pytest.mark.parametrize("newer", REPLACED.values(), ids=REPLACED)
def test_a_job_whose_days_were_loaded_again_is_removed(
    case: PruneCase, newer: dict[str, Any]
) -> None:
    old, new = case.job(), case.job(**newer)
    pruned = case.prune()
    assert (pruned.slices, pruned.jobs) == (2, 1)
    assert (case.jobs(), case.slices()) == ([new.id], [(new.id, new.loaded)])
    assert old.id < new.id


@pytest.mark.parametrize("newer", NOT_REPLACED.values(), ids=NOT_REPLACED)
def test_a_slice_stays_while_a_newer_job_has_not_loaded_all_of_it(
    case: PruneCase, newer: dict[str, Any]
) -> None:
    old, new = case.job(), case.job(**newer)
    assert case.prune().slices == 0
    assert (old.id, 2) in case.slices()
    assert case.jobs() == [old.id, new.id]


@pytest.mark.parametrize(
    "kept",
    [{"days_ago": 80}, {"loaded": 1, "state": "running"}, {"loaded": 0, "state": "running"}],
    ids=["young", "running", "without progress"],
)
def test_a_young_or_open_job_stays(case: PruneCase, kept: dict[str, Any]) -> None:
    job = case.job(**kept)
    case.job()
    assert case.prune() == Pruned(checked=job.published + 2)
    assert job.id in case.jobs()


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_ended_without_a_loaded_slice_is_removed(case: PruneCase, state: str) -> None:
    case.job(loaded=0, published=1, state=state)
    case.job(loaded=0, state=state)
    assert (case.prune(), case.jobs()) == (Pruned(checked=1, slices=1, jobs=2), [])


def test_a_job_that_was_pruned_in_part_cannot_be_retried(case: PruneCase) -> None:
    job = case.job(days=2, loaded=2, published=1, state="failed")
    assert Ledger(case.target).job(job.id).pruned_at is None
    assert case.prune().slices == 1
    with pytest.raises(Conflict, match=f"job {job.id} was pruned on .*: post a new job"):
        Ledger(case.target).retry(job.id, by=TESTER)


def test_a_job_of_which_nothing_was_removed_can_be_retried(case: PruneCase) -> None:
    job = case.job(days=2, loaded=2, state="failed")
    case.prune()
    assert Ledger(case.target).retry(job.id, by=TESTER).state == "running"


def test_a_job_that_is_retried_during_a_prune_loses_nothing(case: PruneCase) -> None:
    job = case.job(loaded=1, published=1, state="failed")
    with case.target.begin() as connection:
        connection.execute(text("UPDATE etl.job SET failed_at = NULL"))
        assert case.prune().slices == 0  # its row is locked
    assert (case.prune().slices, case.slices()) == (0, [(job.id, 2)])


def test_each_transaction_is_small(case: PruneCase) -> None:
    for _ in range(3):
        case.job(days=2, assets=("T01", "T02"))
    assert case.prune(rows=3) == Pruned(checked=24, slices=16, jobs=2)
    assert case.prune(rows=3) == Pruned(checked=8)


def test_a_dry_run_counts_and_removes_nothing(case: PruneCase) -> None:
    for _ in range(2):
        case.job()
    case.job(days=2, loaded=2, published=1, state="failed")
    case.job(loaded=0, state="cancelled")
    old_audit_entry(case.target)
    case.redis.xadd(case.streams.dead, {"a": "b"}, id=OLD_ID)
    before = case.slices(), case.jobs()
    expected = case.prune(dry_run=True)
    assert (case.slices(), case.jobs(), case.redis.xlen(case.streams.dead)) == (*before, 1)
    assert case.prune() == expected == Pruned(7, 5, 3, 1, 1)


def test_a_late_batch_of_an_older_job_is_still_refused(case: PruneCase) -> None:
    late, old, new = (new_job(case.target, spec=WHOLE_DAY) for _ in range(3))
    for job, value in ((old, 2.0), (new, 3.0)):
        loader(case.target).load([batch(job, steady(value, 1440), length=DAY_LENGTH)])
        make_older_job(case.target, job, 100)
    assert case.prune().slices == 1
    loader(case.target).load([batch(late, steady(1.0, 1440), length=DAY_LENGTH)])
    assert (set(means(case.target).values()), Ledger(case.target).job(late).superseded) == (
        {3.0}, 1,
    )  # fmt: skip


def test_a_late_batch_of_a_pruned_job_is_refused(case: PruneCase) -> None:
    removed, new = (new_job(case.target, spec=WHOLE_DAY) for _ in range(2))
    in_part = new_job(case.target, spec=WHOLE_DAY, slices=2, days=2)
    again = new_job(case.target, spec=WHOLE_DAY)
    first, second = (
        batch(in_part, steady(2.0, 1440), start=start, length=DAY_LENGTH)
        for start in (datetime(2025, 12, 5, tzinfo=UTC), datetime(2025, 12, 6, tzinfo=UTC))
    )
    loader(case.target).load([first, second])
    for job, value in ((removed, 1.0), (new, 3.0), (again, 4.0)):
        loader(case.target).load([batch(job, steady(value, 1440), length=DAY_LENGTH)])
    for job in (removed, new, in_part, again):
        make_older_job(case.target, job, 100)
    assert case.prune() == Pruned(checked=5, slices=3, jobs=2)
    before = means(case.target), Ledger(case.target).job(in_part)
    loader(case.target).load([first])
    with pytest.raises(InvalidInput, match=f"there is no job {removed}"):
        loader(case.target).load([batch(removed, steady(9.0, 1440), length=DAY_LENGTH)])
    assert (means(case.target), Ledger(case.target).job(in_part)) == before


def test_unchanged_slices_are_still_found(case: PruneCase) -> None:
    case.job()
    new, again = case.job(), case.job(loaded=0, state="running")
    slices = [again.slice_of("T01", span) for span in again.spans()]
    with case.target.begin() as connection:
        spec = again.spec
        spans = [(slice_.asset, slice_.time_range) for slice_ in slices]
        series = series_of(again.variables, spec.statistics)
        now = contents(connection, spans, series, window_s=spec.window_s)
        for slice_, of_slice in zip(slices, now, strict=True):
            connection.execute(
                text("UPDATE etl.slice SET contents = :contents WHERE start = :start"),
                {"contents": of_slice, "start": slice_.start},
            )
    assert case.prune().slices == 2
    source = [
        DayFingerprints(
            asset="T01", day=DAY, rows=1,
            fingerprints=dict.fromkeys(("wind_speed", "power"), to_text(2 * new.id)),
        )
    ]  # fmt: skip
    unchanged = mark_unchanged(case.target, source, slices, zone=ZoneInfo("UTC"))
    assert unchanged == {slice_.identity for slice_ in slices}


@pytest.mark.parametrize(("older_than", "left"), [(90, [80, 40, 29]), (1, [29])])
def test_audit_entries_are_removed_after_30_days_at_the_earliest(
    case: PruneCase, older_than: int, left: list[int]
) -> None:
    for days in (29, 40, 80, 100):
        old_audit_entry(case.target, days)
    case.prune(older_than=timedelta(days=older_than), rows=1)
    actors = fetch(case.target, "SELECT actor FROM etl.audit ORDER BY at")
    assert [int(actor) for (actor,) in actors] == left


@pytest.mark.parametrize("state", ["done", "failed", "running", None])
def test_a_dead_letter_is_removed_when_its_job_has_ended(
    case: PruneCase, state: str | None
) -> None:
    job = case.job(state=state, loaded=2 if state == "done" else 1).id if state else 99
    for id in (OLD_ID, YOUNG_ID):
        case.redis.xadd(case.streams.dead, {"job": job, "payload": "x", "dead_reason": "data"}, id)
    case.prune()
    removed = state != "running"
    assert case.redis.xlen(case.streams.dead) == 2 - removed
    entries = [
        (e.dead_letter_id, e.action, e.channel, e.fields)
        for e in AuditLog(case.target).newest(9, only_letters=True)
    ]
    fields = {"job": str(job), "payload": "1 bytes"}
    assert entries == [(OLD_ID, "drop", "prune", fields)] * removed


def test_one_of_several_extractors_prunes_once_a_day(case: PruneCase) -> None:
    with ThreadPoolExecutor(4) as pool:
        began = list(pool.map(lambda _: begin_daily(case.pruner), range(4)))
    assert sorted(began) == [False, False, False, True]
    for changed, due in (("- interval '25 hours'", True), ("+ interval '25 hours'", True),
                         ("- interval '23 hours'", False)):  # fmt: skip
        with case.target.begin() as connection:
            connection.execute(text(f"UPDATE etl.ledger SET pruned_at = now() {changed}"))
        assert begin_daily(case.pruner) is due


def test_the_daily_prune_removes_what_is_old_and_ends_when_it_is_stopped(case: PruneCase) -> None:
    for _ in range(2):
        case.job(days_ago=400)
    stop = Event()

    def daily_prune(keep_days: int | None) -> DailyPrune:
        settings = ExtractorSettings(
            port=0, connector_url="http://127.0.0.1:1", target_url=SecretStr("postgresql://a/b"),
            redis_url=SecretStr("redis://a"), keep_days=keep_days,
        )  # fmt: skip
        return DailyPrune(settings, case.pruner, case.redis, stop)

    daily = daily_prune(365)
    stop.set()
    assert daily_prune(None).prune_if_due() is None
    assert daily.prune_if_due() == Pruned(checked=4, slices=2)
    assert daily.prune_if_due() is None
    with case.target.begin() as connection:
        connection.execute(text("UPDATE etl.ledger SET pruned_at = NULL"))
    stop.clear()
    assert daily.prune_if_due() == Pruned(checked=2, jobs=1)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_the_command_says_what_it_removed(
    case: PruneCase, redis_settings: RedisSettings, options: tuple[str, ...]
) -> None:
    for _ in range(2):
        case.job()
    result = minuano(
        "prune", "--older-than", "90d", *options,
        MINUANO_REDIS_URL=redis_settings.redis_url.get_secret_value(),
        MINUANO_STREAM_PREFIX=redis_settings.stream_prefix,
        MINUANO_TARGET_URL=case.target.url.render_as_string(hide_password=False),
    )  # fmt: skip
    removed = "would be removed" if options else "removed"
    assert (result.exit_code, result.output.splitlines()[-1]) == (
        0,
        f"older than 90d, {removed}: slices 2 of 4, jobs 1, audit entries 0, dead letters 0",
    )
    assert len(case.jobs()) == (2 if options else 1)


@pytest.mark.parametrize("age", ["0d", "90", "-1d", "1.5d", "36501d", "d", "90h"])
def test_an_age_that_is_no_number_of_days_is_refused(age: str) -> None:
    result = minuano("prune", f"--older-than={age}")
    assert (result.exit_code, "write a number of days, 1d to 36500d" in result.output) == (2, True)
