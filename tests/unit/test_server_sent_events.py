"""Server-sent events of HTML fragments, and their limits."""

import asyncio
from collections.abc import Iterator

from fastapi.sse import ServerSentEvent

from services.dashboard.web.server_sent_events import (
    ENDED,
    RETRY_MS,
    RETRY_WHEN_FULL_MS,
    EventStreams,
    Fragments,
)

Sent = list[tuple[str | None, str | None]]


def sent(streams: EventStreams, *renderings: Fragments) -> Sent:
    """All events of a stream with these renderings; the last one repeats."""
    return asyncio.run(_collect(streams, iter(renderings), renderings[-1]))


async def _collect(streams: EventStreams, renderings: Iterator[Fragments], last: Fragments) -> Sent:
    events = streams.events(lambda: next(renderings, last), every_s=0.001)
    return [(event.event, event.raw_data) async for event in events if event.retry is None]


def test_only_changed_fragments_are_sent_until_the_end() -> None:
    events = sent(
        EventStreams(), {"a": "1", "b": "1"}, {"a": "1", "b": "2"}, {"a": "1", "b": "2", ENDED: "x"}
    )
    assert events == [("a", "1"), ("b", "1"), ("b", "2"), (ENDED, "x")]


def test_a_stream_ends_after_its_maximum_duration() -> None:
    assert sent(EventStreams(max_duration_s=0.05), {"a": "1"}) == [("a", "1")]


def test_a_stream_over_the_limit_sends_one_rendering_and_a_longer_retry() -> None:
    async def second() -> list[ServerSentEvent]:
        streams = EventStreams(max_open=1)
        first = streams.events(lambda: {"a": "1"}, every_s=0.001)
        assert [await anext(first), await anext(first)][0].retry == RETRY_MS
        return [event async for event in streams.events(lambda: {"a": "2"}, every_s=0.001)]

    retry, only = asyncio.run(second())
    assert (retry.retry, only.raw_data) == (RETRY_WHEN_FULL_MS, "2")


def test_an_ended_stream_frees_its_place() -> None:
    streams = EventStreams(max_duration_s=0.0, max_open=1)
    for _ in range(3):
        assert sent(streams, {"a": "1"}) == [("a", "1")]
    assert streams.open == 0
