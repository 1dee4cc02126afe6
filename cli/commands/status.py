"""`status`: each stage, the dead letters and the last load."""

from sqlalchemy import Engine, text

from cli import clients
from cli.console import console, table
from cli.open_jobs import MAX_LINES, describe, stalled_lines
from shared.ledger.idle_jobs import idle_jobs
from shared.postgres.engines import postgres_errors
from shared.streams import stage_status
from shared.streams.dead_letters import DeadLetters
from shared.streams.job_waits import StreamSnapshot, take_snapshot

_LAST_LOAD = text(
    "SELECT job_id, start, now() - loaded_at AS ago FROM etl.slice "
    "WHERE loaded_at IS NOT NULL ORDER BY loaded_at > now(), loaded_at DESC LIMIT 1"
)


def status() -> None:
    """Show the entries and workers of each stage, what waits and why, and the last load.

    Example: minuano status
    """
    client, streams = clients.streams()
    rows = table(
        "stage", "stream", "waiting", "pending", "oldest", "workers",
        numbers=("waiting", "pending", "oldest", "workers"),
    )  # fmt: skip
    for stage in stage_status.stages(client, streams):
        oldest = "" if stage.oldest_s is None else f"{stage.oldest_s:.1f} s"
        workers = str(stage.workers) if stage.workers else "[red]0[/]"
        # A pending entry is still on the stream: it is deleted when it is acknowledged.
        waiting = max(0, stage.backlog - stage.pending)
        rows.add_row(stage.stage, stage.stream, str(waiting), str(stage.pending), oldest, workers)
    console.print(rows)
    dead_letters = DeadLetters(client, streams).count()
    if dead_letters:
        console.print(f"[red]{dead_letters} dead letters[/]: see minuano dead-letters list")
    else:
        console.print("no dead letters")
    target = clients.target("status")
    _print_waits(target, take_snapshot(client, streams))
    console.print(_last_load(target), soft_wrap=True)


def _print_waits(target: Engine, snapshot: StreamSnapshot) -> None:
    """What the stages wait for, and the jobs that make no progress."""
    if snapshot.error:
        console.print(snapshot.error, markup=False, soft_wrap=True, style="red")
    for waiting in snapshot.stage_waits().values():
        console.print(describe(waiting), markup=False, soft_wrap=True, style="yellow")
    found = idle_jobs(target, snapshot, limit=MAX_LINES)
    for line in stalled_lines(found):
        console.print(line, markup=False, soft_wrap=True, style="red")
    console.print(f"open jobs: {found.open:,}")


def _last_load(target: Engine) -> str:
    with postgres_errors(), target.connect() as connection:
        row = connection.execute(_LAST_LOAD).one_or_none()
    if row is None:
        return "nothing loaded yet"
    ago = row.ago.total_seconds()
    when = f"{ago:,.0f} s ago" if ago >= 0 else "at a time when the target's clock was ahead"
    return f"last load {when}: job {row.job_id}, from {row.start:%Y-%m-%d %H:%M} UTC"
