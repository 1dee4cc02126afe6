"""The role of a consumer: what it reads, and how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.domain.batch_header import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerRole:
    """The stream that a consumer reads, the entries it takes at once, and its output stream."""

    stage: str
    stream: str
    group: str
    batch_size: int = 1
    downstream: str | None = None
    """The consumer does not read while this stream is full."""
    retain: bool = False
    """Acknowledged entries stay in the stream. The dead letters are read this way."""
    halves: Callable[[Mapping[bytes, bytes]], Sequence[Fields]] | None = None
    """Divides the fields of an entry into those of two entries; nothing if it has one slice only.
    """
