"""Lines at which a service is killed or delayed when a test asks for it.

A service is started through this module instead of by its own: `python -m tests.faults.failpoint
services.loader`. What production runs knows nothing of it. A point is armed by a file of its name
in a folder; the text of the file says what is to happen. Whoever comes first is struck, once:

- `kill`: the process ends by SIGKILL.
- `sleep 5`: it does nothing for so many seconds.
- `poison T02`: as `kill`, but only while an entry of this asset is handled, and each time.
"""

import os
import runpy
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from shared.streams.consumer import Consumer
from shared.streams.entries import Entry

FOLDER = "TEST_FAILPOINTS"
STRUCK = ".struck"
"""Suffix of the file once a process was struck; it then holds the pid."""

HANDLING = "{}-handling"
"""Entries were delivered and nothing has been done with them."""
UNCOMMITTED = "{}-uncommitted"
"""A transaction is written and not committed."""
UNACKNOWLEDGED = "{}-unacknowledged"
"""The effect is there, the entries are not acknowledged: before the EXEC."""
ACKNOWLEDGED = "{}-acknowledged"
"""Redis has done the EXEC, and the process does not know."""
UNPUBLISHED = "extractor-unpublished"
"""The ledger has the job, the stream does not."""


def strike(point: str, entries: Sequence[Entry] = ()) -> None:
    """Let happen what the point is armed with, if it is."""
    armed = Path(os.environ[FOLDER]) / point
    try:
        act, _, of = armed.read_text().partition(" ")
        if act == "poison":
            if any(entry.fields.get(b"asset") == of.encode() for entry in entries):
                _die()
            return
        struck = armed.rename(armed.with_suffix(STRUCK))
    except FileNotFoundError:  # not armed, or another was first
        return
    struck.write_text(str(os.getpid()))
    if act == "kill":
        _die()
    time.sleep(float(of))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install(service: str) -> None:
    """Set the points into the runtime of this process."""
    handle, settle = Consumer._handle_through_outages, Consumer._settle

    def handling(self: Consumer, entries: Sequence[Entry]) -> Any:
        strike(HANDLING.format(service), entries)
        return handle(self, entries)

    def settling(self: Consumer, entries: Sequence[Entry], outputs: Any) -> None:
        strike(UNACKNOWLEDGED.format(service), entries)
        settle(self, entries, outputs)
        strike(ACKNOWLEDGED.format(service), entries)

    Consumer._handle_through_outages = handling  # type: ignore[method-assign]
    Consumer._settle = settling  # type: ignore[method-assign]
    event.listen(Engine, "commit", lambda _: strike(UNCOMMITTED.format(service)))
    if service == "extractor":
        _install_in_intake()


def _install_in_intake() -> None:
    from services.extractor.job_intake import JobIntake

    publish = JobIntake.publish

    def publishing(self: JobIntake, job: Any) -> None:
        strike(UNPUBLISHED)
        publish(self, job)

    JobIntake.publish = publishing  # type: ignore[method-assign]


if __name__ == "__main__":
    module = sys.argv[1]
    install(module.removeprefix("services."))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
