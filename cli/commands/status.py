"""`status`: each stage, the dead letters and the last load."""

from sqlalchemy import text

from cli import clients
from cli.console import console, table
from shared.postgres.engines import postgres_errors
from shared.streams import stage_status
from shared.streams.dead_letters import DeadLetters

_LAST_LOAD = text(
    "SELECT job_id, start, now() - loaded_at AS ago FROM etl.slice "
    "WHERE loaded_at IS NOT NULL ORDER BY loaded_at DESC LIMIT 1"
)


def status() -> None:
    """Show how many entries wait in each stage and how many workers it has, and the last load.

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
    console.print(_last_load())


def _last_load() -> str:
    with postgres_errors(), clients.target("status").connect() as connection:
        row = connection.execute(_LAST_LOAD).one_or_none()
    if row is None:
        return "nothing loaded yet"
    ago = row.ago.total_seconds()
    return f"last load {ago:,.0f} s ago: job {row.job_id}, from {row.start:%Y-%m-%d %H:%M} UTC"
