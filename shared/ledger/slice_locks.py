"""Locks on the days of assets. A transaction that marks slices as done holds them until it ends.

None waits for a lock: a process that stands still in a transaction would stop all others.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta

from shared.domain.slices import Slice

TRY_LOCK = """
    SELECT set_config('minuano.busy', coalesce((
        SELECT string_agg(CAST(k AS text), ',') FROM unnest(CAST(:keys AS bigint[])) AS k
        WHERE NOT pg_try_advisory_xact_lock(k)
    ), ''), true)
"""
"""Takes those of the `keys` that no other transaction holds, without a wait."""

END_HOLDERS = """
    SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (CAST(CAST(l.classid AS bigint) AS bit(32)) || CAST(CAST(l.objid AS bigint) AS bit(32)))
        = ANY (SELECT CAST(k AS bit(64)) FROM unnest(CAST(:keys AS bigint[])) AS k)
    AND a.usename = current_user AND a.wait_event = 'ClientRead'
    AND clock_timestamp() - a.query_start > make_interval(secs => :limit_s)
"""
"""Ends the sessions that hold one of the `keys` and wait longer than the limit for their client.
While rows are sent (COPY), no timeout of the server ends the wait for a client that stands still.
"""

BUSY = "current_setting('minuano.busy')"
"""The keys that `TRY_LOCK` did not get, for a later statement of the transaction."""


def keys(slices: Iterable[Slice]) -> list[int]:
    """The keys of the locks of these slices."""
    return sorted({key for slice_ in slices for key in _keys(slice_)})


def without_keys(slices: Sequence[Slice], busy: str) -> list[int]:
    """The positions of the slices that need none of the keys in the text of `BUSY`."""
    taken = {int(key) for key in busy.split(",") if key}
    return [n for n, s in enumerate(slices) if not taken or taken.isdisjoint(_keys(s))]


def _keys(slice_: Slice) -> list[int]:
    """One key for each UTC day of the slice: 64 bits of a hash of asset and day."""
    first, last = slice_.start.date(), (slice_.end - timedelta(microseconds=1)).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    texts = (f"{slice_.asset}\n{day.isoformat()}".encode() for day in days)
    return [
        int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
        for text in texts
    ]
