"""A job's progress, stage by stage, until it has ended."""

import time
from collections.abc import Callable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.console import console
from cli.extractor import Extractor, Job
from shared.errors import MinuanoError

Backlog = Callable[[], int]


def watch(
    extractor: Extractor, id: int, *, timeout_s: float, raw_backlog: Backlog | None = None
) -> Job:
    """Show the progress of a job and return it when it has ended. `raw_backlog` tells how many
    batches wait for the aggregators, where that can be known.
    """
    until = time.monotonic() + timeout_s
    columns = (TextColumn("  {task.description:<12}"), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        stages = ["extracted", "aggregated", "loaded"] if raw_backlog else ["extracted", "loaded"]
        bars = {stage: progress.add_task(stage, total=None) for stage in stages}
        job: Job | None = None
        for job in extractor.follow(id, timeout_s=timeout_s):
            total, counts = job["slices"]["total"], _counts(job, raw_backlog)
            for stage, bar in bars.items():
                progress.update(bar, total=total, completed=counts[stage])
            if time.monotonic() > until:
                break
    if job is None or job["state"] in ("queued", "running"):
        raise MinuanoError(f"job {id} has not ended within {timeout_s:g} s; it goes on by itself")
    return job


def _counts(job: Job, raw_backlog: Backlog | None) -> dict[str, int]:
    loaded, published = job["slices"]["done"], job["slices"]["published"]
    counts = {"extracted": published, "loaded": loaded}
    if raw_backlog:
        waiting = 0 if loaded == published else raw_backlog()
        counts["aggregated"] = max(loaded, published - waiting)
    return counts


def tell(job: Job) -> bool:
    """Say how the job ended; return whether it is done."""
    id, state = job["id"], job["state"]
    if state != "done":
        why = f": {job['reason']}: {job['error']}" if job["error"] else ""
        console.print(f"[red]job {id} {state}[/]{why}", soft_wrap=True)
        return False
    took = job["took"]
    coverage = "–" if job["coverage"] is None else f"{job['coverage']:.1%}"
    console.print(
        f"[green]job {id} done[/]: {job['slices']['done']} slices, {job['rows']:,} samples, "
        f"{job['windows']:,} windows, coverage {coverage}"
    )
    console.print(
        f"  work in all: extract {took['extract_ms']:,.0f} ms, "
        f"aggregate {took['aggregate_ms']:,.0f} ms, load {took['load_ms']:,.0f} ms"
    )
    if job["note"]:
        console.print(f"  {job['note']}")
    return True
