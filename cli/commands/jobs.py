"""`run`, `backfill`, `jobs`, `cancel` and `retry`."""

from typing import Annotated

import typer

from cli import context
from cli.console import console, table
from cli.job_progress import Backlog, print_result, watch
from shared.clients.extractor import ExtractorClient, Job
from shared.clients.settings import ExtractorClientSettings
from shared.errors import ConfigurationError
from shared.setting_types import split_names
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames

TIMEOUT_S = 3600.0

Variables = Annotated[
    str | None, typer.Option(help="Comma-separated; by default wind_speed and power")
]
Assets = Annotated[str | None, typer.Option(help="Comma-separated turbines; by default all")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the end", min=0.1)]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Post the job and do not wait")]


def run(
    date: Annotated[str, typer.Argument(help="The day, YYYY-MM-DD")],
    variables: Variables = None,
    assets: Assets = None,
    timeout_s: Timeout = TIMEOUT_S,
    detach: Detach = False,
) -> None:
    """Compute one day and wait for it.

    Example: minuano run 2025-12-05

    Ends with 0 when the job is done, with 1 when it failed.
    """
    _post({"date": date}, variables, assets, timeout_s, detach)


def backfill(
    start: Annotated[str, typer.Argument(help="The first day, YYYY-MM-DD")],
    end: Annotated[str, typer.Argument(help="The last day, included")],
    variables: Variables = None,
    assets: Assets = None,
    timeout_s: Timeout = TIMEOUT_S,
    detach: Detach = False,
) -> None:
    """Compute a range of days and wait for them.

    Example: minuano backfill 2025-12-01 2025-12-10
    """
    _post({"start": start, "end": end}, variables, assets, timeout_s, detach)


def jobs(
    state: Annotated[
        str | None, typer.Option(help="queued, running, done, failed or cancelled")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many", min=1, max=500)] = 20,
) -> None:
    """List the newest jobs.

    Example: minuano jobs --state failed
    """
    found = ExtractorClient(context.load(ExtractorClientSettings)).jobs(state=state, limit=limit)
    listed = table(
        "job", "state", "days", "slices", "windows", "coverage", "created",
        numbers=("job", "slices", "windows", "coverage"),
    )  # fmt: skip
    for job in found:
        listed.add_row(*_row(job))
    if not found:
        console.print("no such job" if state else "no jobs yet: minuano run 2025-12-05")
        return
    console.print(listed)
    for job in found:
        if why := job["note"] or ": ".join(filter(None, (job["reason"], job["error"]))):
            console.print(f"job {job['id']}: {why}", markup=False, soft_wrap=True)


def cancel(id: Annotated[int, typer.Argument(help="The job's number", min=1)]) -> None:
    """Cancel a job that has not ended; what it has loaded stays.

    Example: minuano cancel 7
    """
    job = ExtractorClient(context.load(ExtractorClientSettings)).change(id, "cancel")
    console.print(f"job {id} is {job['state']}")


def retry(
    id: Annotated[int, typer.Argument(help="The job's number", min=1)],
    timeout_s: Timeout = TIMEOUT_S,
) -> None:
    """Take up a failed or cancelled job again, and wait for it.

    Example: minuano retry 7
    """
    extractor = ExtractorClient(context.load(ExtractorClientSettings))
    extractor.change(id, "retry")
    if not follow(extractor, id, timeout_s):
        raise typer.Exit(1)


def _post(
    request: dict[str, object],
    variables: str | None,
    assets: str | None,
    timeout_s: float,
    detach: bool,
) -> None:
    for field, given in (("variables", variables), ("assets", assets)):
        if given is not None:
            request[field] = list(split_names(given))
    extractor = ExtractorClient(context.load(ExtractorClientSettings))
    id = extractor.post(request)["id"]
    if detach:
        console.print(f"job {id} accepted")
    elif not follow(extractor, id, timeout_s):
        raise typer.Exit(1)


def follow(extractor: ExtractorClient, id: int, timeout_s: float) -> bool:
    """Show a job's progress and how it ended; whether it is done."""
    console.print(f"job {id}")
    try:
        job = watch(extractor, id, timeout_s=timeout_s, raw_backlog=raw_backlog())
    except KeyboardInterrupt:
        console.print(f"job {id} goes on by itself: minuano jobs; minuano cancel {id} ends it")
        raise
    return print_result(job)


def raw_backlog() -> Backlog | None:
    """A look at the raw stream's length, where this command can reach Redis."""
    try:
        settings = context.load(RedisSettings)
    except ConfigurationError:
        return None
    client, raw = redis_client.connect(settings), StreamNames(settings.stream_prefix).raw

    def length() -> int:
        with redis_client.redis_errors():
            return int(client.xlen(raw))

    return length


def _row(job: Job) -> list[str]:
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
