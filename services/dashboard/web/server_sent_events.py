"""What pages show live: server-sent events of HTML, of bounded length and number."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent

FOR_S = 900.0
"""After this a stream ends, and the browser asks for the next."""
MAX_OPEN = 64
"""More than these are drawn once, and come again as though they polled."""
AGAIN_MS = 1_000
AGAIN_WHEN_FULL_MS = 5_000
ENDED = "ended"
"""The event that tells the browser not to come again."""

Fragments = Mapping[str, str]
"""HTML by the name of its event."""


class EventStreams:
    """Counts the streams that are open in this process."""

    def __init__(self, *, for_s: float = FOR_S, max_open: int = MAX_OPEN) -> None:
        self._for_s, self._max_open = for_s, max_open
        self.open = 0

    async def events(
        self, draw: Callable[[], Fragments], *, every_s: float
    ) -> AsyncIterator[ServerSentEvent]:
        """What `draw` returns, each piece when it has changed, until the time is over or `ENDED` is
        among it. `draw` runs in a thread of the pool.
        """
        full = self.open >= self._max_open
        until = time.monotonic() + (0.0 if full else self._for_s)
        self.open += 1
        try:
            yield ServerSentEvent(retry=AGAIN_WHEN_FULL_MS if full else AGAIN_MS)
            seen: Fragments = {}
            while True:
                drawn = await run_in_threadpool(draw)
                for event, html in drawn.items():
                    if seen.get(event) != html:
                        yield ServerSentEvent(event=event, raw_data=html)
                seen = drawn
                if ENDED in drawn or time.monotonic() > until:
                    return
                await asyncio.sleep(every_s)
        finally:
            self.open -= 1
