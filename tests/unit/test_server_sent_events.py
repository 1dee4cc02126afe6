"""Streams of HTML: what is sent, and that none lasts for ever."""

import asyncio
from collections.abc import Iterator

from fastapi.sse import ServerSentEvent

from services.dashboard.web import server_sent_events
from services.dashboard.web.server_sent_events import EventStreams, Fragments

Sent = list[tuple[str | None, str | None]]


def sent(by: EventStreams, *drawings: Fragments) -> Sent:
    """All events of a stream that draws these, the last of them for ever."""
    return asyncio.run(_all(by, iter(drawings), drawings[-1]))


async def _all(by: EventStreams, drawings: Iterator[Fragments], last: Fragments) -> Sent:
    events = by.events(lambda: next(drawings, last), every_s=0.001)
    return [(event.event, event.raw_data) async for event in events if event.retry is None]


def test_a_part_is_sent_when_it_has_changed_until_the_end() -> None:
    found = sent(
        EventStreams(),
        {"a": "1", "b": "1"},
        {"a": "1", "b": "2"},
        {"a": "1", "b": "2", server_sent_events.ENDED: "x"},
    )
    assert found == [("a", "1"), ("b", "1"), ("b", "2"), (server_sent_events.ENDED, "x")]


def test_a_stream_ends_when_its_time_is_over() -> None:
    assert sent(EventStreams(for_s=0.05), {"a": "1"}) == [("a", "1")]


def test_where_there_are_too_many_a_stream_is_drawn_once_and_comes_again_later() -> None:
    async def second() -> list[ServerSentEvent]:
        full = EventStreams(max_open=1)
        first = full.events(lambda: {"a": "1"}, every_s=0.001)
        assert [await anext(first), await anext(first)][0].retry == server_sent_events.AGAIN_MS
        return [event async for event in full.events(lambda: {"a": "2"}, every_s=0.001)]

    again, only = asyncio.run(second())
    assert (again.retry, only.raw_data) == (server_sent_events.AGAIN_WHEN_FULL_MS, "2")


def test_a_stream_that_has_ended_makes_room() -> None:
    alone = EventStreams(for_s=0.0, max_open=1)
    for _ in range(3):
        assert sent(alone, {"a": "1"}) == [("a", "1")]
    assert alone.open == 0
