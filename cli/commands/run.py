"""`run` and `backfill`: compute one day or a range of days, and wait for the job."""

from typing import Annotated, Any

import typer

from cli import clients
from cli.console import console
from cli.job_progress import RawBacklog, print_result, watch
from cli.options import require_names
from shared.clients.extractor import ExtractorClient
from shared.errors import ConfigurationError
from shared.setting_types import split_names
from shared.streams.redis_client import redis_errors

TIMEOUT_S = 3600.0

Variables = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated, or * for all; by default those of MINUANO_VARIABLES",
        callback=require_names,
    ),
]
Assets = Annotated[
    str | None,
    typer.Option(help="Comma-separated turbines; by default all", callback=require_names),
]
Timeout = Annotated[float, typer.Option(help="How many seconds to wait for the job", min=0.1)]
OnlyChanged = Annotated[
    bool,
    typer.Option(
        "--only-changed",
        help="Leave out slices whose samples and windows have not changed since they were loaded",
    ),
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Post the job and do not wait")]


def run(
    date: Annotated[str, typer.Argument(help="The day, YYYY-MM-DD")],
    variables: Variables = None,
    assets: Assets = None,
    only_changed: OnlyChanged = False,
    timeout_s: Timeout = TIMEOUT_S,
    detach: Detach = False,
) -> None:
    """Compute one day and wait for it.

    Example: minuano run 2025-12-05

    Ends with 0 when the job is done, with 1 when it failed or did not end in time.
    """
    request = _request(variables, assets, only_changed)
    _post_and_follow({"date": date, **request}, timeout_s, detach)


def backfill(
    start: Annotated[str, typer.Argument(help="The first day, YYYY-MM-DD")],
    end: Annotated[str, typer.Argument(help="The last day, included")],
    variables: Variables = None,
    assets: Assets = None,
    only_changed: OnlyChanged = False,
    timeout_s: Timeout = TIMEOUT_S,
    detach: Detach = False,
) -> None:
    """Compute a range of days and wait for them.

    Example: minuano backfill 2025-12-01 2025-12-10 --only-changed

    Ends with 0 when the job is done, with 1 when it failed or did not end in time.
    """
    request = _request(variables, assets, only_changed)
    _post_and_follow({"start": start, "end": end, **request}, timeout_s, detach)


def _request(variables: str | None, assets: str | None, only_changed: bool) -> dict[str, Any]:
    """The fields of a job request besides its dates."""
    lists = {"variables": variables, "assets": assets}
    names = {f: list(split_names(value)) for f, value in lists.items() if value is not None}
    return names | ({"only": "changed"} if only_changed else {})


def _post_and_follow(request: dict[str, Any], timeout_s: float, detach: bool) -> None:
    extractor = clients.extractor()
    id = extractor.post(request, by=clients.actor())["id"]
    if detach:
        console.print(f"job {id} accepted")
    elif not follow(extractor, id, timeout_s):
        raise typer.Exit(1)


def follow(extractor: ExtractorClient, id: int, timeout_s: float) -> bool:
    """Show a job's progress and its result; return whether the job is done."""
    console.print(f"job {id}")
    try:
        job = watch(extractor, id, timeout_s=timeout_s, raw_backlog=_raw_backlog())
    except KeyboardInterrupt:
        console.print(
            f"job {id} continues: `minuano jobs` lists it, `minuano cancel {id}` cancels it"
        )
        raise
    return print_result(job)


def _raw_backlog() -> RawBacklog | None:
    """A function that returns the length of the raw stream, if the settings name a Redis."""
    try:
        client, streams = clients.streams()
    except ConfigurationError:
        return None

    def length() -> int:
        with redis_errors():
            return int(client.xlen(streams.raw))

    return length
