"""The event streams of jobs: one poller for all of them, and no change is missed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Engine, event

from cli.embedded import ports
from services.extractor.job_events import JobEvents
from shared.domain.job import Job
from shared.domain.waiting import Waiting
from shared.errors import Unavailable
from shared.ledger import job_versions
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames
from shared.streams.job_waits import JobWaits
from tests.actors import TESTER
from tests.integration.ledger_jobs import add

STREAMS = 50
WITHIN_S = 20.0


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


@pytest.fixture
def waits(redis_settings: RedisSettings) -> JobWaits:
    client = redis_client.connect(redis_settings)
    return JobWaits(client, StreamNames(redis_settings.stream_prefix))


async def _states(changes: AsyncIterator[tuple[Job, Waiting | None]]) -> list[str]:
    return [job.state async for job, _ in changes]


def test_many_streams_of_a_job_cost_no_more_than_one(
    target: Engine, ledger: Ledger, waits: JobWaits
) -> None:
    job = add(ledger)
    statements = []

    async def follow() -> list[list[str]]:
        events = JobEvents(target, waits)
        first = events.follow(job)
        streams = [asyncio.create_task(_states(events.follow(job))) for _ in range(STREAMS)]
        await anext(first)
        await asyncio.to_thread(ledger.mark_started, job.id, assets=[""], slices_total=1)
        await anext(first)
        await asyncio.to_thread(ledger.cancel, job.id, by=TESTER)
        return await asyncio.wait_for(asyncio.gather(*streams), WITHIN_S)

    @event.listens_for(target, "before_cursor_execute")
    def count(*arguments: Any) -> None:
        statements.append(arguments)

    # A slow stream may leave out the state in between.
    ends = [(states[0], states[-1]) for states in asyncio.run(follow())]
    assert ends == [("queued", "cancelled")] * STREAMS
    assert len(statements) < STREAMS


def test_a_stream_that_opens_late_misses_no_change(
    target: Engine, ledger: Ledger, waits: JobWaits
) -> None:
    job = add(ledger)

    async def follow() -> str:
        events = JobEvents(target, waits)
        first = events.follow(job)
        await anext(first)
        await asyncio.to_thread(ledger.mark_started, job.id, assets=[""], slices_total=1)
        await anext(first)  # the poller has seen the change
        late = events.follow(job)
        await anext(late)
        return (await asyncio.wait_for(anext(late), WITHIN_S))[0].state

    assert asyncio.run(follow()) == "running"


def test_without_the_ledger_every_stream_ends(ledger: Ledger, waits: JobWaits) -> None:
    job = add(ledger)
    away = engines.connect(f"postgresql://x:x@127.0.0.1:{ports.free()}/away", application="test")

    async def follow() -> list[Any]:
        events = JobEvents(away, waits)
        streams = [_states(events.follow(job)) for _ in range(2)]
        return await asyncio.wait_for(asyncio.gather(*streams, return_exceptions=True), WITHIN_S)

    assert [type(result) for result in asyncio.run(follow())] == [Unavailable] * 2


def test_a_fault_of_the_poller_ends_every_stream(
    target: Engine, ledger: Ledger, waits: JobWaits
) -> None:
    job = add(ledger)

    async def follow() -> list[Any]:
        events = JobEvents(target, waits)
        streams = [_states(events.follow(job)) for _ in range(2)]
        return await asyncio.wait_for(asyncio.gather(*streams, return_exceptions=True), WITHIN_S)

    with mock.patch.object(job_versions, "read", side_effect=ZeroDivisionError):
        assert [type(result) for result in asyncio.run(follow())] == [ZeroDivisionError] * 2


def test_the_number_of_streams_is_limited(target: Engine, ledger: Ledger, waits: JobWaits) -> None:
    job = add(ledger)

    async def open_two() -> None:
        events = JobEvents(target, waits, max_open=1)
        events.require_room()
        await anext(events.follow(job))
        with pytest.raises(Unavailable, match="1 event streams"):
            events.require_room()

    asyncio.run(open_two())
