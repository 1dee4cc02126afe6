"""How the commands describe open jobs that make no progress."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.waiting import Waiting
from shared.http.job_schemas import WaitingOut
from shared.ledger.idle_jobs import IDLE_AFTER_S, IdleJobs

MAX_LINES = 10


def stalled_lines(found: IdleJobs) -> list[str]:
    """A line for each stalled job that is named, and one for the others."""
    lines = [
        f"job {job.id} ({job.state}) has made no progress for {job.idle_s:,.0f} s: {describe(why)}"
        for job, why in found.stalled
    ]
    if more := found.stalled_all - len(found.stalled):
        lines.append(f"and {more:,} more have made no progress for {IDLE_AFTER_S:.0f} s")
    return lines


def describe(waiting: Waiting | Mapping[str, Any]) -> str:
    """What a job waits for, also as the extractor's API has it, in one sentence."""
    if isinstance(waiting, Waiting):
        waiting = WaitingOut.of(waiting).model_dump(mode="json")
    since = datetime.fromisoformat(waiting["since"])
    tries = f", tried {waiting['tries']:,} times" if waiting["tries"] > 1 else ""
    error = f": {waiting['error']}" if waiting["error"] else ""
    return f"{waiting['for']}, since {since:%Y-%m-%d %H:%M:%S} UTC{tries}{error}"
