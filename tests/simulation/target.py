"""The target in memory, below the loader's handler: one transaction after the other, with locks.

Validation, fence, rows, difference and marks are the loader's own.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np

from services.loader.row_diff import row_diff
from services.loader.signals import SignalKey
from services.loader.target_rows import ReplaceRange, TargetRows
from shared.domain.slices import Slice
from shared.domain.time_range import utc_datetime64
from shared.errors import Unavailable
from tests.simulation.ledger import Database, Mark, Record, Session
from tests.simulation.world import World


class SimulatedTransaction:
    """What the loader's handler uses of `shared.postgres.transaction.Transaction`."""

    def __init__(self, world: World, database: Database) -> None:
        self._world, self.database = world, database
        self.session = Session(database, world.process)
        self.session.used_at = world.now
        self.connection = self
        self.changes: dict[tuple[int, Any], float | None] = {}

    def io(self) -> None:
        """A round trip. The server may have ended the session."""
        self._world.io()
        self.session.require_open()
        self.session.used_at = self._world.now

    def first(self, *_: str, **values: Any) -> SimpleNamespace:
        self.io()
        busy = [key for key in values["keys"] if self._is_busy(key)]
        for key in set(values["keys"]) - set(busy):
            self.database.locks[key] = self.session
        read = SimpleNamespace(
            ledger=self.database.ledger, busy=",".join(map(str, busy)),
            **_read(self.database, values), signals=[], has_rows=True,
        )  # fmt: skip
        return SimpleNamespace(one=lambda: read)

    def _is_busy(self, key: int) -> bool:
        return self.database.locks.get(key, self.session) is not self.session

    def last(self, *_: str, **values: Any) -> None:
        """Mark the slices and commit; fails if a job was cancelled or retried meanwhile."""
        self.io()
        rows = json.loads(values["slices"])
        for row in rows:
            job = self.database.jobs.get(row["job_id"])
            if job is None or not is_wanted(job, row["attempt"]):
                raise Unavailable(f"job {row['job_id']} was cancelled or retried meanwhile")
        for key, value in self.changes.items():
            if value is None:
                self.database.data.pop(key, None)
            else:
                self.database.data[key] = value
        for row in rows:
            self.database.on_load(self.database.jobs[row["job_id"]], row)
            _mark(self.database.jobs[row["job_id"]], row)
        self.session.end()
        self._world.io()  # the answer


def is_wanted(job: Record, attempt: int) -> bool:
    """As `etl.require_attempt`, which the last statement of the loader calls."""
    return not job.is_cancelled and job.attempt == attempt


def _read(database: Database, values: dict[str, Any]) -> dict[str, Any]:
    """The columns `jobs`, `loaded` and `newer`, as the SQL gives them."""
    loaded: list[dict[str, Any]] = []
    newer: list[dict[str, Any]] = []
    known = sorted(set(values["jobs"]) & database.jobs.keys())
    jobs = [_job_row(number, database.jobs[number]) for number in known]
    slices = zip(*(values[n] for n in ("jobs", "assets", "starts", "ends")), strict=True)
    for job, asset, start, end in slices:
        for number, record in database.jobs.items():
            for mark in record.marks.values():
                s = mark.slice
                if mark.fingerprints is None or s.asset != asset:
                    continue
                if number == job and s.start == start:
                    loaded.append({"job_id": job, "asset": asset, "start": start.isoformat()})
                if number > job and s.start < end and s.end > start:
                    newer.append(_span_row(number, s))
    return {"jobs": jobs, "loaded": loaded, "newer": newer}


def _job_row(number: int, record: Record) -> dict[str, Any]:
    return {
        "id": number, "trace": "", "attempt": record.attempt, "cancelled": record.is_cancelled,
        "started": record.assets is not None, "timezone": "UTC", "variables": ["power"],
        "first_day": record.days[0].isoformat(), "last_day": record.days[1].isoformat(),
        "assets": list(record.assets or ()), "spec": record.spec.model_dump(),
    }  # fmt: skip


def _span_row(number: int, slice_: Slice) -> dict[str, Any]:
    return {
        "job_id": number, "asset": slice_.asset, "start": slice_.start.isoformat(),
        "end": slice_.end.isoformat(), "window_s": slice_.spec.window_s,
        "variables": list(slice_.variables), "statistics": list(slice_.spec.statistics),
    }  # fmt: skip


def _mark(job: Record, row: dict[str, Any]) -> None:
    start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
    identity = (row["job_id"], row["asset"], start)
    slice_ = Slice(
        job=row["job_id"], asset=row["asset"], start=start, end=end,
        variables=tuple(row["variables"]), spec=job.spec,
    )  # fmt: skip
    mark = job.marks.setdefault(identity, Mark(slice_))
    mark.fingerprints = mark.fingerprints or tuple(row["fingerprints"])


@contextmanager
def simulated_transaction(world: World, database: Database) -> Iterator[SimulatedTransaction]:
    """As `shared.postgres.transaction.transaction`."""
    world.io()
    opened = SimulatedTransaction(world, database)
    try:
        yield opened
    finally:
        opened.session.end()


class SimulatedSignals:
    """As `services.loader.signals.Signals`: the ids are given at once and stay."""

    def __init__(self, connection: SimulatedTransaction, *_: Any, **__: Any) -> None:
        self._ids = connection.database.signals

    def ids(self, keys: Iterable[SignalKey]) -> dict[SignalKey, int]:
        return {key: self._ids.setdefault(key, len(self._ids) + 1) for key in sorted(set(keys))}


class SimulatedWriter:
    """As `services.loader.target_writer.TargetWriter`, with its difference of rows."""

    def __init__(self, connection: SimulatedTransaction) -> None:
        self._transaction = connection

    def replace_data(self, ranges: Sequence[ReplaceRange], rows: TargetRows) -> None:
        self._transaction.io()
        existing = self._existing(ranges)
        self._transaction.io()
        diff, changes = row_diff(existing, rows), self._transaction.changes
        for part in (diff.new, diff.changed):
            keys = zip(part.signal_id.tolist(), part.timestamp.tolist(), strict=True)
            changes.update(zip(keys, part.value.tolist(), strict=True))
        deleted = diff.deleted
        for key in zip(deleted.signal_id.tolist(), deleted.timestamp.tolist(), strict=True):
            changes[key] = None

    def _existing(self, ranges: Sequence[ReplaceRange]) -> TargetRows:
        data = self._transaction.database.data
        found = sorted(
            (signal, timestamp, value)
            for (signal, timestamp), value in data.items()
            if any(
                r.signal_id == signal
                and utc_datetime64(r.time_range.start) <= np.datetime64(timestamp, "us")
                < utc_datetime64(r.time_range.end)
                for r in ranges
            )
        )  # fmt: skip
        signals, timestamps, values = zip(*found, strict=True) if found else ((), (), ())
        return TargetRows(
            np.array(timestamps, "datetime64[us]"), np.array(signals, np.int32),
            np.array(values, np.float64),
        )  # fmt: skip
