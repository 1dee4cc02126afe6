"""Stream entries, the names of the streams, and the fields that name a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.batch_header import Fields

MAX_DIGITS = 18  # every number of 18 digits fits into a bigint


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivery of a stream entry. `deliveries` includes this one."""

    id: str
    fields: Mapping[bytes, bytes]
    deliveries: int = 1


@dataclass(frozen=True, slots=True)
class Output:
    """The fields of an entry to add to a stream."""

    stream: str
    fields: Fields


class SetAside(Exception):
    """A handler has handled all but these entries: they are tried again later."""

    def __init__(self, reason: str, entries: Sequence[Entry]) -> None:
        super().__init__(reason)
        self.entries = entries


@dataclass(frozen=True, slots=True)
class StreamNames:
    """The names of the streams. The prefix may be a hash tag of Redis Cluster (`{minuano}:`)."""

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

    @property
    def ledger(self) -> str:
        """The hash that says to which ledger the streams belong."""
        return f"{self.prefix}ledger"

    @property
    def waits(self) -> str:
        """The sorted set that says what each consumer waits for."""
        return f"{self.prefix}waits"


def parse_whole_number(text: bytes) -> int | None:
    """A number of up to `MAX_DIGITS` digits; None if the text is anything else."""
    return int(text) if text.isdigit() and len(text) <= MAX_DIGITS else None


def parse_ledger(fields: Mapping[bytes, bytes]) -> str | None:
    """The identity of the ledger that an entry belongs to; None if the entry names none."""
    return fields.get(b"ledger", b"").decode(errors="replace") or None


def parse_attempt(fields: Mapping[bytes, bytes]) -> int | None:
    """The attempt that an entry belongs to; None if the entry names none."""
    return parse_whole_number(fields.get(b"attempt", b""))


def parse_job_id(fields: Mapping[bytes, bytes]) -> int | None:
    """The job that an entry belongs to; None if the entry names none."""
    return parse_whole_number(fields.get(b"job", b""))
