"""A job's progress, stage by stage, until it has ended."""

from collections.abc import Callable

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.console import console
from shared.clients.extractor import ExtractorClient, Job
from shared.domain.job import END_STATES
from shared.errors import MinuanoError, Unavailable

Backlog = Callable[[], int]


def watch(
    extractor: ExtractorClient, id: int, *, timeout_s: float, raw_backlog: Backlog | None = None
) -> Job:
    """Show the progress of a job and return it when it has ended. `raw_backlog` tells how many
    batches wait for the aggregators, where that can be known.
    """
    columns = (TextColumn("  {task.description:<12}"), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        stages = ["extracted", "aggregated", "loaded"] if raw_backlog else ["extracted", "loaded"]
        bars = {stage: progress.add_task(stage, total=None) for stage in stages}
        job: Job | None = None
        for job in extractor.follow(id, timeout_s=timeout_s):
            total, counts = job["slices"]["total"], _counts(job, raw_backlog)
            for stage, bar in bars.items():
                progress.update(bar, total=total, completed=counts[stage])
    if job is None or job["state"] not in END_STATES:
        raise MinuanoError(
            f"job {id} has not ended within {timeout_s:g} s; it goes on by itself: minuano jobs"
        )
    return job


def _counts(job: Job, raw_backlog: Backlog | None) -> dict[str, int]:
    loaded, published = job["slices"]["done"], job["slices"]["published"]
    counts = {"extracted": published, "loaded": loaded}
    if raw_backlog:
        counts["aggregated"] = max(loaded, published - _waiting(raw_backlog, published - loaded))
    return counts


def _waiting(raw_backlog: Backlog, at_most: int) -> int:
    try:
        return raw_backlog() if at_most else 0
    except Unavailable:
        return at_most  # nobody knows: count what is loaded


def print_result(job: Job) -> bool:
    """Say how the job ended; return whether it is done."""
    id, state = job["id"], job["state"]
    if state != "done":
        why = f": {job['reason']}: {job['error']}" if job["error"] else ""
        console.print(f"[red]job {id} {state}[/]{escape(why)}", soft_wrap=True)
        return False
    took, done = job["took"], job["slices"]["done"]
    slices = "1 slice" if done == 1 else f"{done} slices"
    coverage = "–" if job["coverage"] is None else f"{job['coverage']:.1%}"
    console.print(
        f"[green]job {id} done[/]: {slices}, {job['rows']:,} samples, "
        f"{job['windows']:,} windows, coverage {coverage}",
        soft_wrap=True,
    )
    console.print(
        f"  work in all: extract {took['extract_ms']:,.0f} ms, "
        f"aggregate {took['aggregate_ms']:,.0f} ms, load {took['load_ms']:,.0f} ms",
        soft_wrap=True,
    )
    if job["note"]:
        console.print(f"  {job['note']}", markup=False, soft_wrap=True)
    return True
