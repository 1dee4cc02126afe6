"""`audit`: who requested, cancelled and retried jobs, and replayed and dropped dead letters."""

from typing import Annotated

import typer

from cli import clients
from cli.console import console, one_line, table
from shared.ledger.audit_log import AuditEntry, AuditLog


def audit(
    job: Annotated[int | None, typer.Option(help="Only this job", min=1)] = None,
    limit: Annotated[int, typer.Option(help="Show at most this many rows", min=1, max=10_000)] = 50,
) -> None:
    """List who requested, cancelled or retried which jobs, and replayed or dropped which dead
    letters, the newest first.

    Example: minuano audit --job 7

    `channel` says how a request came in: http, page, cli, dagster, stream or prune. An action on a
    dead letter is recorded before it runs. If the dead letter is still in `dead-letters list`, its
    action did not finish, or the entry failed again.
    """
    entries = AuditLog(clients.target("audit")).newest(limit, job=job)
    rows = table("at", "action", "job", "who", "channel", "dead letter", "error",
                 numbers=("job",), wraps="error")  # fmt: skip
    for entry in entries:
        rows.add_row(*map(one_line, _cells(entry)))
    nothing = "nothing is recorded" if job is None else f"nothing is recorded of job {job}"
    console.print(rows if entries else nothing)


def _cells(entry: AuditEntry) -> list[str]:
    error = f"{entry.stage}: {entry.reason}: {entry.error}" if entry.dead_letter_id else ""
    return [
        f"{entry.at:%m-%d %H:%M}",
        entry.action,
        "" if entry.job_id is None else str(entry.job_id),
        entry.actor,
        entry.channel,
        entry.dead_letter_id or "",
        error,
    ]
