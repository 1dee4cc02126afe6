"""Locks on the days of assets. A transaction that marks slices as done holds them until it ends.

All take them in the order of `keys`, so they cannot deadlock.
"""

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from shared.domain.slices import Slice

LOCK = "SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k"
"""Waits until no other transaction holds one of the `keys`."""


def keys(slices: Iterable[Slice]) -> list[int]:
    """The keys of the locks of these slices."""
    return sorted({key for slice_ in slices for key in _keys(slice_)})


def _keys(slice_: Slice) -> list[int]:
    """One key for each UTC day of the slice: 64 bits of a hash of asset and day."""
    first, last = slice_.start.date(), (slice_.end - timedelta(microseconds=1)).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    texts = (f"{slice_.asset}\n{day.isoformat()}".encode() for day in days)
    return [
        int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)
        for text in texts
    ]
