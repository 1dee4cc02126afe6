"""Live updates of pages: server-sent events with HTML, limited in duration and number."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent

MAX_DURATION_S = 900.0
"""A stream ends after this time, and the browser opens a new one."""
MAX_OPEN = 64
"""Streams beyond this number end after the first event, so the browser polls instead."""
RETRY_MS = 1_000
RETRY_WHEN_FULL_MS = 5_000
ENDED = "ended"
"""The event that tells the browser not to reconnect."""

Fragments = Mapping[str, str]
"""HTML by event name."""


class EventStreams:
    """Limits and counts the streams that are open in this process."""

    def __init__(self, *, max_duration_s: float = MAX_DURATION_S, max_open: int = MAX_OPEN) -> None:
        self._max_duration_s, self._max_open = max_duration_s, max_open
        self.open = 0

    async def events(
        self, render: Callable[[], Fragments], *, every_s: float
    ) -> AsyncIterator[ServerSentEvent]:
        """Each changed fragment of `render`, which runs in a thread, until it returns `ENDED` or
        the maximum duration is over.
        """
        is_full = self.open >= self._max_open
        deadline = time.monotonic() + (0.0 if is_full else self._max_duration_s)
        self.open += 1
        try:
            yield ServerSentEvent(retry=RETRY_WHEN_FULL_MS if is_full else RETRY_MS)
            sent: Fragments = {}
            while True:
                fragments = await run_in_threadpool(render)
                for event, html in fragments.items():
                    if sent.get(event) != html:
                        yield ServerSentEvent(event=event, raw_data=html)
                sent = fragments
                if ENDED in fragments or time.monotonic() > deadline:
                    return
                await asyncio.sleep(every_s)
        finally:
            self.open -= 1
