"""Stream entries and the names of the streams."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.batches import Fields

MAX_DIGITS = 18  # all of them fit into a bigint


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery of a stream entry; `deliveries` counts this one."""

    id: str
    fields: Mapping[bytes, bytes]
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class Output:
    """An entry to be added to a stream."""

    stream: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class StreamNames:
    """The streams' names; the prefix may hold a hash tag for Redis Cluster (`{minuano}:`)."""

    prefix: str

    @property
    def jobs(self) -> str:
        return f"{self.prefix}jobs"

    @property
    def raw(self) -> str:
        return f"{self.prefix}raw"

    @property
    def stats(self) -> str:
        return f"{self.prefix}stats"

    @property
    def dead(self) -> str:
        return f"{self.prefix}dead"


def parse_whole_number(text: bytes) -> int | None:
    """The number that the digits stand for; None if it is no number that a job or a chunk has."""
    return int(text) if text.isdigit() and len(text) <= MAX_DIGITS else None


def parse_attempt(fields: Mapping[bytes, bytes]) -> int | None:
    """The attempt at its job that an entry belongs to, if it names one."""
    return parse_whole_number(fields.get(b"attempt", b""))


def parse_job_id(fields: Mapping[bytes, bytes]) -> int | None:
    """The number of the job that an entry is about, if it names one."""
    return parse_whole_number(fields.get(b"job", b""))
