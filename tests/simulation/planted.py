"""Faults of the protocol that are planted in the code: the simulation has to find each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from services.extractor.job_entries import JobEntries
from services.extractor.sweeper import Sweeper
from services.loader import fence, handler
from services.loader.batch_validation import JobContract
from services.loader.fence import LoadedSpan
from services.loader.row_diff import RowDiff
from services.loader.slice_ledger import SliceLedger
from shared.domain.batches import StatsBatch
from shared.domain.job import Job
from shared.errors import Unavailable
from shared.streams.consumer import Consumer
from shared.streams.entries import Entry, Output
from shared.streams.failure_handler import FailureHandler
from shared.streams.lease import Lease
from shared.streams.lost_entries import LostEntries
from tests.simulation import system, target

Planted = Callable[[], AbstractContextManager[Any]]


def _put(owner: Any, name: str, new: Any) -> Planted:
    return lambda: mock.patch.object(owner, name, new)


def _wrap(owner: Any, name: str, wrap: Callable[[Any], Any]) -> Planted:
    return lambda: mock.patch.object(owner, name, wrap(getattr(owner, name)))


def _settle_first(process: Any) -> Any:
    """Acknowledge before the effect."""

    def settle_and_handle(self: Consumer, entries: Sequence[Entry]) -> None:
        self._settle(entries, [])
        process(self, entries)

    return settle_and_handle


def _outputs_after(settle: Any) -> Any:
    """Acknowledge, then publish the outputs: not in one MULTI."""

    def two_steps(self: Consumer, entries: Sequence[Entry], outputs: Sequence[Output]) -> None:
        settle(self, entries, [])
        if outputs:
            self._publisher.add(outputs)

    return two_steps


def _half(halves: Any) -> Any:
    """Only the first half of a divided batch."""
    return classmethod(lambda cls, fields: halves(fields)[:1])


def _busy_is_done(self: handler.BatchHandler, entries: Sequence[Entry]) -> list[Output]:
    """Entries with busy slices are acknowledged too."""
    self._load_all(entries)
    return []


def _set_aside_to_death(self: FailureHandler, entry: Entry) -> None:
    """To be set aside counts as the last delivery."""
    self._lease.release(entry.id, self._settings.max_deliveries)


def _load_again(pending: Any) -> Any:
    """Slices that are loaded already are loaded again."""

    def all_pending(self: SliceLedger, batches: Sequence[StatsBatch]) -> list[StatsBatch]:
        self._loaded = set()
        return list(pending(self, batches))

    return all_pending


def _any_ledger(pending: Any) -> Any:
    """Batches of another ledger are loaded."""

    def of_all(self: SliceLedger, batches: Sequence[StatsBatch]) -> list[StatsBatch]:
        found: list[StatsBatch] = []
        for batch in batches:
            self._ledger = batch.ledger
            found += pending(self, [batch])
        return found

    return of_all


@contextmanager
def _any_attempt() -> Iterator[None]:
    """The loader looks at no attempt, neither at the beginning nor at the end."""
    with (
        mock.patch.object(JobContract, "takes", lambda self, _: not self.cancelled),
        mock.patch.object(target, "is_wanted", lambda job, _: not job.is_cancelled),
    ):
        yield


def _give_up(self: Consumer, entries: Sequence[Entry]) -> Sequence[Output]:
    """During an outage the entries count as handled."""
    try:
        return self._handle(entries)
    except Unavailable:
        return []


def _write_at_once(replace_data: Any) -> Any:
    """The windows are committed before the marks."""

    def written(self: target.SimulatedWriter, *args: Any) -> None:
        replace_data(self, *args)
        changes, data = self._transaction.changes, self._transaction.database.data
        data.update({key: value for key, value in changes.items() if value is not None})

    return written


def _only_new(difference: Any) -> Any:
    """Rows that have another value are not updated."""

    def without_changes(existing: Any, incoming: Any) -> RowDiff:
        diff = difference(existing, incoming)
        return RowDiff(diff.new, diff.changed.where([]), diff.deleted)

    return without_changes


def _first_attempt(slice_of: Any) -> Any:
    """All batches name the first attempt."""
    return lambda self, *args: replace(slice_of(self, *args), attempt=1)


PLANTED: dict[str, Planted] = {
    "acknowledged before the effect": _wrap(Consumer, "_process", _settle_first),
    "published after the acknowledgement": _wrap(Consumer, "_settle", _outputs_after),
    "an outage counts as handled": _put(Consumer, "_handle_through_outages", _give_up),
    "no fence": _wrap(fence, "make_patches", lambda make: lambda batches, _: make(batches, [])),
    "a fence by the job alone": _put(fence, "subtract", lambda *_: []),
    "the older job wins": _put(
        LoadedSpan, "is_newer_than",
        lambda self, slice_: self.job < slice_.job and self.asset == slice_.asset,
    ),
    "no lock": _put(SliceLedger, "locked", lambda self, batches: list(batches)),
    "attempts are ignored": _any_attempt,
    "all batches name the first attempt": _wrap(Job, "slice_of", _first_attempt),
    "ledgers are ignored": _wrap(SliceLedger, "pending", _any_ledger),
    "a cancelled job is committed": _put(target, "is_wanted", lambda *_: True),
    "loaded slices are loaded again": _wrap(SliceLedger, "pending", _load_again),
    "windows are committed before their marks": _wrap(
        target.SimulatedWriter, "replace_data", _write_at_once
    ),
    "only the first slice is marked": _wrap(
        handler, "marks", lambda marks: lambda loaded: marks(loaded[:1])
    ),
    "changed rows are not updated": _wrap(target, "row_diff", _only_new),
    "half of a divided batch is lost": _wrap(StatsBatch, "halves", _half),
    "busy slices count as loaded": _put(handler.BatchHandler, "__call__", _busy_is_done),
    "set aside is a delivery": _put(FailureHandler, "retry_later", _set_aside_to_death),
    "a lost host holds its locks": _put(system, "LIMIT_S", 1e9),
    "expired leases are not claimed": _put(Lease, "claim_expired", lambda _: ()),
    "nobody looks for lost entries": _put(LostEntries, "release", lambda _: None),
    "lost jobs are not published again": _put(Sweeper, "sweep", lambda _: []),
    "each stalled job is published again": _put(
        JobEntries, "without_entry", lambda _, jobs: set(jobs)
    ),
}  # fmt: skip
WITHIN = 5_000
"""Each fault is found within so many schedules."""
FOUND_AT = {
    "acknowledged before the effect": 7,
    "published after the acknowledgement": 1613,
    "an outage counts as handled": 37,
    "no fence": 2,
    "a fence by the job alone": 0,
    "the older job wins": 2,
    "no lock": 56,
    "attempts are ignored": 1,
    "all batches name the first attempt": 7,
    "ledgers are ignored": 2139,
    "a cancelled job is committed": 38,
    "loaded slices are loaded again": 2706,
    "windows are committed before their marks": 592,
    "only the first slice is marked": 4,
    "changed rows are not updated": 7,
    "half of a divided batch is lost": 187,
    "busy slices count as loaded": 35,
    "set aside is a delivery": 870,
    "a lost host holds its locks": 218,
    "expired leases are not claimed": 0,
    "nobody looks for lost entries": 134,
    "lost jobs are not published again": 24,
    "each stalled job is published again": 32,
}
"""The first seed that finds it: the test looks from there on. They are printed by
`python -m tests.simulation --planted`.
"""
