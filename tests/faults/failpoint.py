"""Failpoints: lines at which a test kills or delays a service.

The tests start a service through this module: `python -m tests.faults.failpoint services.loader`.
Production code has no failpoints. A file with the name of a failpoint arms it; the text of the file
is the action. Only the first process that reaches the line acts, and only once:

- `kill`: the process kills itself with SIGKILL.
- `sleep 5`: it waits for 5 seconds.
- `poison T02 2025-12-06`: like `kill`, but every time, and only while it handles an entry with the
  slice of this asset that starts on this day.
"""

import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.domain.slices import Slice
from shared.ledger.ledger import Ledger
from shared.postgres.transaction import Transaction
from shared.streams.consumer import Consumer
from shared.streams.entries import Entry

FOLDER = "TEST_FAILPOINTS"
CRASHED_SUFFIX = ".crashed"
"""Suffix of the file after a process has crashed there; the file then contains its pid."""

HANDLING = "{}-handling"
"""Entries are delivered but not yet handled."""
UNCOMMITTED = "loader-uncommitted"
"""A transaction is written but not committed."""
UNACKNOWLEDGED = "{}-unacknowledged"
"""The entries are handled but not acknowledged: before the EXEC."""
ACKNOWLEDGED = "{}-acknowledged"
"""Redis has done the EXEC, but the process has not read the reply."""
UNMARKED = "extractor-unmarked"
"""A batch is on the stream, but the ledger does not have its slices as published."""
UNPUBLISHED = "extractor-unpublished"
"""The ledger has the job, but the stream does not."""


def crash_if_armed(point: str, entries: Sequence[Entry] = ()) -> None:
    """Do the action of the failpoint if it is armed."""
    armed = Path(os.environ[FOLDER]) / point
    try:
        action, _, argument = armed.read_text().partition(" ")
        if action == "poison":
            if any(argument in _slices(entry) for entry in entries):
                _die()
            return
        crashed = armed.rename(armed.with_suffix(CRASHED_SUFFIX))
    except FileNotFoundError:  # not armed, or another process was first
        return
    crashed.write_text(str(os.getpid()))
    if action == "kill":
        _die()
    time.sleep(float(argument))


def _slices(entry: Entry) -> set[str]:
    """The asset and the first day of each slice of a batch."""
    slices = json.loads(entry.fields.get(b"slices", b"[]"))
    return {f"{asset} {start[: len('2025-12-06')]}" for asset, start, *_ in slices}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install(service: str) -> None:
    """Install the failpoints in this process."""
    handle, settle = Consumer._handle_through_outages, Consumer._settle

    def handling(self: Consumer, entries: Sequence[Entry]) -> Any:
        crash_if_armed(HANDLING.format(service), entries)
        return handle(self, entries)

    def settling(self: Consumer, entries: Sequence[Entry], outputs: Any) -> None:
        crash_if_armed(UNACKNOWLEDGED.format(service), entries)
        settle(self, entries, outputs)
        crash_if_armed(ACKNOWLEDGED.format(service), entries)

    Consumer._handle_through_outages = handling  # type: ignore[method-assign]
    Consumer._settle = settling  # type: ignore[method-assign]
    if service == "loader":
        _install_in_transactions()
    if service == "extractor":
        _install_in_the_extractor()


def _install_in_transactions() -> None:
    """Where the failpoint is armed, COMMIT is sent alone, after the last statements."""
    last = Transaction.last

    def ending(self: Transaction, *statements: str, **values: Any) -> None:
        if statements and (Path(os.environ[FOLDER]) / UNCOMMITTED).exists():
            self._execute(statements, values)
            crash_if_armed(UNCOMMITTED)
            last(self)
        else:
            last(self, *statements, **values)

    Transaction.last = ending  # type: ignore[method-assign]


def _install_in_the_extractor() -> None:
    from services.extractor.job_intake import JobIntake

    publish, mark = JobIntake.publish, Ledger.mark_published

    def marking(self: Ledger, slices: Sequence[Slice]) -> None:
        crash_if_armed(UNMARKED)
        mark(self, slices)

    def publishing(self: JobIntake, job: Any) -> bool:
        crash_if_armed(UNPUBLISHED)
        return publish(self, job)

    JobIntake.publish = publishing  # type: ignore[method-assign]
    Ledger.mark_published = marking  # type: ignore[method-assign]


if __name__ == "__main__":
    module = sys.argv[1]
    install(module.removeprefix("services."))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
