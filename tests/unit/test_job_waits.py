"""The reason why a job makes no progress, from what Redis and the ledger have."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.dashboard.web.i18n import Translator
from services.dashboard.web.templates import waiting_text
from shared.domain.job import Job
from shared.domain.waiting import TEXTS
from shared.errors import Unavailable
from shared.streams import waits
from shared.streams.job_waits import StreamSnapshot
from shared.streams.stage_status import StageState
from shared.streams.waits import BUSY, HANDLER, ROOM, WaitRecord
from tests.unit.test_chunks import START, job

NOBODY_LOADS = "no loader reads minuano:stats: start one"


def record(stage: str, waits_for: str, *, jobs: tuple[int, ...] = (), **changed: Any) -> WaitRecord:
    fields: dict[str, Any] = {"error": "", "tries": 1, "since_ms": 0, "last_ms": 0, **changed}
    return WaitRecord(consumer="host-1-ab", stage=stage, jobs=jobs, waits_for=waits_for, **fields)


def streams(
    *records: WaitRecord, backlog: tuple[int, int, int] = (0, 0, 0), workers: str = "xal"
) -> StreamSnapshot:
    """`backlog` and the `workers` (by their initials) of extractor, aggregator and loader."""
    stages = (("extractor", "jobs"), ("aggregator", "raw"), ("loader", "stats"))
    return StreamSnapshot(
        tuple(
            StageState(name, f"minuano:{stream}", entries, 0, None, int(initial in workers))
            for (name, stream), entries, initial in zip(stages, backlog, "xal", strict=True)
        ),
        records,
    )


QUEUED = replace(job(["T01"]), state="queued", started_at=None)
EXTRACTED = replace(job(["T01"]), slices_total=4, published=4, loaded=2)
HALF_EXTRACTED = replace(EXTRACTED, published=2, loaded=1)
LOADED_SO_FAR = replace(EXTRACTED, published=2, loaded=2)
TARGET_IS_DOWN = record("loader", "the target", jobs=(1,))


@pytest.mark.parametrize(
    ("of", "snapshot", "reason"),
    [
        (QUEUED, StreamSnapshot(error="refused"), "the pipeline waits for Redis"),
        (QUEUED, streams(backlog=(1, 0, 0), workers="al"), "no extractor reads minuano:jobs"),
        (QUEUED, streams(backlog=(3, 9, 9)), "entries on minuano:jobs: 3, in progress: 0"),
        (QUEUED, streams(backlog=(0, 9, 9)), "no stream has an entry of it"),
        (QUEUED, streams(workers="al"), "no extractor reads minuano:jobs"),
        (EXTRACTED, streams(backlog=(1, 1, 1), workers="xa"), NOBODY_LOADS),
        (EXTRACTED, streams(backlog=(1, 1, 0), workers="xl"), "no aggregator reads minuano:raw"),
        (EXTRACTED, streams(backlog=(1, 0, 0), workers=""), "no extractor reads"),
        (EXTRACTED, streams(backlog=(1, 0, 0)), "no stream has an entry of it"),
        (HALF_EXTRACTED, streams(backlog=(1, 2, 3)), "entries on minuano:stats: 3"),
        (LOADED_SO_FAR, streams(backlog=(1, 2, 3)), "entries on minuano:jobs: 1"),
        (EXTRACTED, streams(record("extractor", "the connector", jobs=(7,)), backlog=(0, 0, 1)),
         "the extractor waits for the connector"),
        (EXTRACTED, streams(record("loader", HANDLER, jobs=(7,))), "the loader handles its"),
        (EXTRACTED, streams(record("loader", BUSY, jobs=(7,))), "another loader works on the same"),
        # Others of its stage wait too.
        (EXTRACTED, streams(TARGET_IS_DOWN, backlog=(0, 0, 2)), "the loader waits for the target"),
        (EXTRACTED, streams(record("loader", HANDLER, jobs=(1,)), backlog=(0, 0, 2)),
         "entries on minuano:stats: 2"),
        # The root of a full stream is further down.
        (EXTRACTED, streams(record("aggregator", ROOM), TARGET_IS_DOWN, backlog=(0, 2, 0)),
         "the loader waits for the target"),
        (QUEUED, streams(record("extractor", ROOM, jobs=(7,)), record("aggregator", ROOM),
                         backlog=(1, 9, 9), workers="xa"), NOBODY_LOADS),
        (QUEUED, streams(record("extractor", ROOM, jobs=(7,)), backlog=(1, 9, 9)),
         "the extractor waits until minuano:raw has room"),
    ],
)  # fmt: skip
def test_the_root_of_a_wait_is_named(of: Job, snapshot: StreamSnapshot, reason: str) -> None:
    assert str(snapshot.reason(of)).startswith(reason)


def test_a_lost_job_says_how_often_it_was_published_again() -> None:
    assert streams().reason(replace(EXTRACTED, republished=3)).tries == 3


def test_a_recorded_wait_has_its_error_its_tries_and_its_beginning() -> None:
    since = datetime(2025, 12, 5, 1, tzinfo=UTC)
    down = record(
        "loader", "the target", jobs=(7,), error="refused", tries=9,
        since_ms=int(since.timestamp() * 1000),
    )  # fmt: skip
    waiting = streams(down).reason(EXTRACTED)
    assert (waiting.error, waiting.tries, waiting.since) == ("refused", 9, since)


def test_another_wait_began_with_the_last_progress_of_the_job() -> None:
    moved = replace(EXTRACTED, progressed_at=START.replace(hour=5))
    assert streams().reason(moved).since == moved.progressed_at


def test_the_wait_of_a_stage_is_its_longest() -> None:
    snapshot = streams(record("loader", "the target"), record("loader", HANDLER))
    assert str(snapshot.stage_waits()["loader"]) == "the loader waits for the target"


@pytest.mark.parametrize(
    ("error", "server"),
    [("Redis: OOM", "Redis"), ("PostgreSQL: refused (57P03)", "the target"),
     ("connector answers 503", "the connector"), ("connector: timed out", "the connector"),
     ("too many exports", "a server")],
)  # fmt: skip
def test_an_outage_names_its_server(error: str, server: str) -> None:
    assert waits.server_of(Unavailable(error)) == server


@pytest.mark.parametrize("text", TEXTS.values())
def test_each_reason_is_translated(text: str) -> None:
    assert Translator("pt")(text) != text


def test_the_names_in_a_reason_are_translated() -> None:
    waiting = streams(record("loader", "the target", jobs=(7,))).reason(EXTRACTED)
    assert waiting_text(Translator("pt"), waiting) == "o carregador espera pelo destino"
