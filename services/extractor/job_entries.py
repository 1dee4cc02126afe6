"""Which jobs have an entry on a stream. Every entry on a stream is delivered in the end: a consumer
finds those that Redis would not deliver again (`shared.streams.lost_entries`).
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from shared.ledger.open_jobs import Progress
from shared.streams import redis_client
from shared.streams.entries import StreamNames, parse_attempt, parse_job_id, parse_ledger

BATCHES_PER_READ = 4  # each has a payload of up to 16 MB
JOBS_PER_READ = 1_000
FIRST = b"0-0"

Fields = Mapping[bytes, bytes]


class JobEntries:
    """Reads the streams and changes nothing."""

    def __init__(self, client: redis.Redis, streams: StreamNames, *, group: str) -> None:
        """`group` is the one that reads the dead letters."""
        self._redis, self._streams, self._group = client, streams, group.encode()

    def without_entry(self, jobs: Mapping[int, Progress]) -> set[int]:
        """Those of the jobs whose newest attempt has no entry on any stream: entries of an earlier
        attempt or of another ledger are skipped by the workers. It reads in the order
        of the stages, as entries move, and only until all were seen.
        """
        missing = set(jobs)
        for stream, per_read in (
            (self._streams.jobs, JOBS_PER_READ),
            (self._streams.raw, BATCHES_PER_READ),
            (self._streams.stats, BATCHES_PER_READ),
        ):
            for fields in self._entries(stream, per_read):
                id = parse_job_id(fields)
                if id in missing and _is_of(fields, jobs[id]):
                    missing.discard(id)
                if not missing:
                    return missing
        return missing

    def letters_are_handled(self) -> bool:
        """Whether no dead letter waits to be handled; it will make its job fail."""
        group = self._dead_letter_group()
        if group.get("pending"):
            return False
        after = group.get("last-delivered-id", FIRST).decode()
        with redis_client.redis_errors():
            return not self._redis.xrange(self._streams.dead, f"({after}", "+", 1)

    def _dead_letter_group(self) -> dict[str, Any]:
        """What Redis says about the group; nothing if it does not exist."""
        groups: Any = []
        # There may be no stream before the first letter.
        with contextlib.suppress(redis_client.GroupMissing), redis_client.redis_errors():
            groups = self._redis.xinfo_groups(self._streams.dead)
        return next((group for group in groups if group["name"] == self._group), {})

    def _entries(self, stream: str, per_read: int) -> Iterator[Fields]:
        """The fields of all entries, some entries at a time; a stream has a maximum length."""
        start = "-"
        while True:
            with redis_client.redis_errors():
                entries: Any = self._redis.xrange(stream, start, "+", per_read)
            yield from (fields for _, fields in entries)
            if len(entries) < per_read:
                return
            start = f"({entries[-1][0].decode()}"


def _is_of(fields: Fields, job: Progress) -> bool:
    """Whether the entry is of this attempt; one that a person adds may name neither attempt nor
    ledger.
    """
    return parse_attempt(fields) in (None, job.attempt) and parse_ledger(fields) in (
        None,
        job.ledger,
    )
