"""Progress bars of a job, one for each stage, and the result of the job."""

from collections.abc import Callable

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.console import console
from cli.open_jobs import describe
from shared.clients.extractor import ExtractorClient, Job
from shared.domain.job import END_STATES
from shared.errors import MinuanoError, Unavailable
from shared.printable import printable

RawBacklog = Callable[[], int]


def watch(
    extractor: ExtractorClient, id: int, *, timeout_s: float, raw_backlog: RawBacklog | None = None
) -> Job:
    """Show the progress of a job and return the job when it has ended. `raw_backlog` returns how
    many batches wait for the aggregators; None if this process cannot reach Redis.
    """
    columns = (TextColumn("  {task.description:<12}"), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        stages = ["extracted", "aggregated", "loaded"] if raw_backlog else ["extracted", "loaded"]
        bars = {stage: progress.add_task(stage, total=None) for stage in stages}
        job: Job | None = None
        waits_for = ""
        for job in extractor.follow(id, timeout_s=timeout_s):
            total, counts = job["slices"]["total"], _slice_counts(job, raw_backlog)
            for stage, bar in bars.items():
                progress.update(bar, total=total, completed=counts[stage])
            waiting = job["waiting"]
            if waiting and waiting["for"] != waits_for:
                progress.console.print(f"  {describe(waiting)}", markup=False, soft_wrap=True)
            waits_for = waiting["for"] if waiting else ""
    if job is None or job["state"] not in END_STATES:
        raise MinuanoError(
            f"job {id} has not ended within {timeout_s:g} s; it continues: see minuano jobs"
        )
    return job


def _slice_counts(job: Job, raw_backlog: RawBacklog | None) -> dict[str, int]:
    loaded, published = job["slices"]["done"], job["slices"]["published"]
    counts = {"extracted": published, "loaded": loaded}
    if raw_backlog:
        waiting = _waiting(raw_backlog, published - loaded)
        counts["aggregated"] = max(loaded, published - waiting)
    return counts


def _waiting(raw_backlog: RawBacklog, at_most: int) -> int:
    try:
        return raw_backlog() if at_most else 0
    except Unavailable:
        return at_most  # unknown: count only the loaded slices as aggregated


def print_result(job: Job) -> bool:
    """Print how the job ended; return whether it is done."""
    id, state = job["id"], job["state"]
    if state != "done":
        reason = f": {job['reason']}: {job['error']}" if job["error"] else ""
        console.print(f"[red]job {id} {state}[/]{escape(printable(reason))}", soft_wrap=True)
        return False
    coverage = "–" if job["coverage"] is None else f"{job['coverage']:.1%}"
    console.print(
        f"[green]job {id} done[/]: {_slices(job)}, {job['rows']:,} samples, "
        f"{job['windows']:,} windows, coverage {coverage}",
        soft_wrap=True,
    )
    console.print(f"  work of all slices: {stage_times(job)}", soft_wrap=True)
    if job["note"]:
        console.print(f"  {job['note']}", markup=False, soft_wrap=True)
    return True


def _slices(job: Job) -> str:
    """`3 slices`, or `3 slices (2 unchanged)` if the job was for changed slices only."""
    done, unchanged = job["slices"]["done"], job["slices"]["unchanged"]
    slices = "1 slice" if done == 1 else f"{done} slices"
    return slices if job["only"] is None else f"{slices} ({unchanged} unchanged)"


def stage_times(job: Job) -> str:
    """How long each stage worked on the job, added up over its slices."""
    took = job["took"]
    return (
        f"extract {took['extract_ms']:,.0f} ms, aggregate {took['aggregate_ms']:,.0f} ms, "
        f"load {took['load_ms']:,.0f} ms"
    )
