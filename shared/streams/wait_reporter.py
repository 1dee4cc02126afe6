"""Reports the waits of one consumer, to Redis and to the log. While nothing waits, a thread looks
at its own memory every `REPORT_EVERY_S` and sends nothing.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import redis

from shared import logs, metrics
from shared.errors import Unavailable
from shared.streams import waits, worker_registry
from shared.streams.backoff import Heartbeat, Wait
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import Entry, StreamNames, parse_job_id
from shared.streams.waits import (
    BUSY,
    HANDLER,
    MAX_RECORD_ERROR_CHARS,
    MAX_RECORD_JOBS,
    ROOM,
    WaitRecord,
)

log = logs.get(__name__)

REPORT_EVERY_S = 2.0
REPORT_AFTER_S = 2.0
"""A shorter wait is normal, for example for a full stream."""
SLOW_AFTER_S = 10.0
"""A handler that makes no progress for so long is reported while it still runs."""
ASIDE_ENDS_S = 10.0
"""Entries that were set aside are claimed again sooner, as long as their wait goes on."""
JOIN_S = 2.0
"""At the end a record that is being sent to a silent Redis is not waited for longer."""
REDIS_ERRORS = (Unavailable, redis.RedisError)


class WaitReporter:
    """What one consumer holds, and what it waits for."""

    def __init__(
        self,
        client: redis.Redis,
        prefix: str,
        role: ConsumerRole,
        consumer: str,
        heartbeat: Heartbeat,
        *,
        every_s: float = REPORT_EVERY_S,
    ) -> None:
        self._every_s = every_s
        self._redis, self._streams, self._stream = client, StreamNames(prefix), role.stream
        self._stage, self._consumer, self._heartbeat = role.stage, consumer, heartbeat
        self._entries: Sequence[Entry] = ()
        self._was_busy = self._is_paused = self._is_logged = False
        self._recorded: str | None = None
        self._aside_jobs: list[int] = []
        self._aside = heartbeat.sibling()

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Report until the block ends, then delete the record."""
        done = threading.Event()
        thread = threading.Thread(target=self._run, args=(done,), daemon=True, name="waits")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(JOIN_S)
            self._heartbeat.end_wait()
            with contextlib.suppress(*REDIS_ERRORS):
                self._forget()

    @contextlib.contextmanager
    def handling(self, entries: Sequence[Entry]) -> Iterator[None]:
        """The consumer handles these entries until the block ends."""
        before, self._entries, self._is_logged = self._entries, entries, False
        try:
            yield
        finally:
            self._entries = before

    @contextlib.contextmanager
    def until_handled(self) -> Iterator[None]:
        """The tries of one delivery: its outage is over when the block ends."""
        try:
            yield
        finally:
            self._heartbeat.end_wait()
            if self._is_paused:
                metrics.stage_paused.labels(self._stage).dec()
                self._is_paused = False

    def log_pause(self) -> None:
        """Log the wait that the handler has to begin or to continue, and count it once."""
        if wait := self._heartbeat.wait:
            log.warning(
                "stage.paused", stage=self._stage, jobs=_jobs(self._entries), tries=wait.tries,
                since=self._since(wait), error=wait.error,
            )  # fmt: skip
            if not self._is_paused:
                metrics.stage_paused.labels(self._stage).inc()
                self._is_paused = True

    def set_aside(self, entries: Sequence[Entry], error: str) -> None:
        """The consumer gave these entries back, because others work on what they need."""
        self._aside.begin_wait(BUSY, error)
        jobs = {*self._aside_jobs, *_jobs(entries)}
        self._aside_jobs = sorted(jobs)[:MAX_RECORD_JOBS]

    def look(self) -> None:
        """Record the wait of this moment, or delete the record of one that has ended."""
        wait, jobs = self._wait()
        waited_s = self._heartbeat.waited_s(wait) if wait else 0.0
        if wait and waited_s > SLOW_AFTER_S:
            self._log_slow(wait, waited_s)
        self._say_alive()
        if wait and waited_s >= REPORT_AFTER_S:
            self._record(wait, waited_s, jobs)
        else:
            self._forget()

    def _wait(self) -> tuple[Wait | None, list[int]]:
        """The wait of this moment, if any, and its jobs."""
        if wait := self._heartbeat.wait or self._slow_handler():
            return wait, _jobs(self._entries)
        if self._aside.age_s > ASIDE_ENDS_S:
            self._aside.end_wait()
            self._aside_jobs = []
        return self._aside.wait, self._aside_jobs

    def _run(self, done: threading.Event) -> None:
        while not done.wait(self._every_s):
            try:
                self.look()
            except REDIS_ERRORS:
                continue  # the consumer logs outages of Redis; the next round tries again
            except Exception:  # without reports the consumer seems to be dead
                log.exception("waits.not_reported", stage=self._stage)

    def _say_alive(self) -> None:
        """The consumer itself does not say so while it handles entries, or waits for Redis."""
        is_busy = bool(self._entries) or self._recorded is not None
        if is_busy and self._was_busy:
            worker_registry.heartbeat(self._redis, self._stream, self._consumer)
        self._was_busy = is_busy

    def _slow_handler(self) -> Wait | None:
        age_s = self._heartbeat.age_s
        if not self._entries or age_s < SLOW_AFTER_S:
            return None
        return self._heartbeat.wait_of(HANDLER, age_s)

    def _log_slow(self, wait: Wait, waited_s: float) -> None:
        """Log once what the consumer itself does not log."""
        event = {HANDLER: "entry.slow", ROOM: "stream.full"}.get(wait.waits_for)
        if event and not self._is_logged:
            self._is_logged = True
            jobs, seconds = _jobs(self._entries), round(waited_s, 1)
            log.warning(event, stage=self._stage, jobs=jobs, seconds=seconds)

    def _record(self, wait: Wait, waited_s: float, jobs: list[int]) -> None:
        if self._recorded is None:
            waits.delete_expired(self._redis, self._streams)
        now_ms = waits.now_ms(self._redis)
        record = WaitRecord(
            consumer=self._consumer, stage=self._stage, jobs=tuple(jobs),
            waits_for=wait.waits_for, error=wait.error[:MAX_RECORD_ERROR_CHARS], tries=wait.tries,
            since_ms=now_ms - int(waited_s * 1000), last_ms=now_ms,
        )  # fmt: skip
        self._recorded = waits.write(self._redis, self._streams, record, replaces=self._recorded)

    def _forget(self) -> None:
        if self._recorded is not None:
            waits.delete(self._redis, self._streams, self._recorded)
            self._recorded = None

    def _since(self, wait: Wait) -> str:
        since = datetime.now(UTC) - timedelta(seconds=self._heartbeat.waited_s(wait))
        return since.isoformat(timespec="seconds")


def _jobs(entries: Sequence[Entry]) -> list[int]:
    jobs = {job for entry in entries if (job := parse_job_id(entry.fields)) is not None}
    return sorted(jobs)[:MAX_RECORD_JOBS]
