"""`jobs`, `cancel` and `retry`: list jobs and change them."""

from typing import Annotated

import typer

from cli import clients
from cli.commands.run import TIMEOUT_S, Timeout, follow
from cli.console import console, table
from cli.open_jobs import describe
from shared.clients.extractor import Job
from shared.printable import printable

JobId = Annotated[int, typer.Argument(help="The job's number", min=1)]


def jobs(
    state: Annotated[
        str | None, typer.Option(help="queued, running, done, failed or cancelled")
    ] = None,
    limit: Annotated[int, typer.Option(help="Show at most this many jobs", min=1, max=500)] = 20,
) -> None:
    """List the newest jobs.

    Example: minuano jobs --state failed
    """
    newest = clients.extractor().jobs(state=state, limit=limit)
    if not newest:
        console.print(f"no job is {state}" if state else "no jobs yet: try minuano run 2025-12-05")
        return
    rows = table(
        "job", "state", "days", "slices", "windows", "coverage", "created",
        numbers=("job", "slices", "windows", "coverage"),
    )  # fmt: skip
    for job in newest:
        rows.add_row(*_cells(job))
    console.print(rows)
    for job in newest:
        if note := _note(job):
            console.print(f"job {job['id']}: {printable(note)}", markup=False, soft_wrap=True)


def cancel(id: JobId) -> None:
    """Cancel a job that has not ended; windows that it has already loaded stay.

    Example: minuano cancel 7
    """
    job = clients.extractor().change(id, "cancel", by=clients.actor())
    console.print(f"job {id} is {job['state']}")


def retry(id: JobId, timeout_s: Timeout = TIMEOUT_S) -> None:
    """Run a failed or cancelled job again and wait for it.

    Example: minuano retry 7

    Ends with 0 when the job is done, with 1 when it failed or did not end in time.
    """
    extractor = clients.extractor()
    extractor.change(id, "retry", by=clients.actor())
    if not follow(extractor, id, timeout_s):
        raise typer.Exit(1)


def _note(job: Job) -> str:
    if job["waiting"]:
        return describe(job["waiting"])
    return job["note"] or ": ".join(filter(None, (job["reason"], job["error"])))


def _cells(job: Job) -> list[str]:
    slices, colour = job["slices"], {"done": "green", "failed": "red"}.get(job["state"], "yellow")
    days = job["start"] if job["start"] == job["end"] else f"{job['start']} … {job['end']}"
    total = "?" if slices["total"] is None else slices["total"]
    return [
        str(job["id"]),
        f"[{colour}]{job['state']}[/]",
        days,
        f"{slices['done']}/{total}",
        f"{job['windows']:,}",
        "" if job["coverage"] is None else f"{job['coverage']:.1%}",
        job["created_at"][5:16].replace("T", " "),
    ]
