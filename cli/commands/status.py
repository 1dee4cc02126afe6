"""`status`: the pipeline at a glance."""

from sqlalchemy import text

from cli import context
from cli.console import console, table
from shared.postgres import engines
from shared.settings import RedisSettings, TargetSettings
from shared.streams import redis_client, stage_status
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames


def status() -> None:
    """Show what waits in each stage, who works on it, and the last load.

    Example: minuano status
    """
    settings = context.load(RedisSettings)
    client, streams = redis_client.connect(settings), StreamNames(settings.stream_prefix)
    shown = table(
        "stage", "stream", "waiting", "in hand", "oldest", "workers",
        numbers=("waiting", "in hand", "oldest", "workers"),
    )  # fmt: skip
    for stage in stage_status.stages(client, streams):
        oldest = "" if stage.oldest_s is None else f"{stage.oldest_s:.1f} s"
        workers = str(stage.workers) if stage.workers else "[red]0[/]"
        # What is in hand is still on the stream: it leaves when it is acknowledged.
        waiting = max(0, stage.backlog - stage.pending)
        shown.add_row(stage.stage, stage.stream, str(waiting), str(stage.pending), oldest, workers)
    console.print(shown)
    dead = DeadLetters(client, streams).count()
    if dead:
        console.print(f"[red]{dead} dead letters[/]: see minuano dead list")
    else:
        console.print("no dead letters")
    console.print(_last_load(context.load(TargetSettings)))


def _last_load(settings: TargetSettings) -> str:
    engine = engines.connect(settings.target_url.get_secret_value(), application="status")
    with engines.postgres_errors(), engine.connect() as connection:
        row = connection.execute(
            text(
                "SELECT job_id, start, loaded_at, now() - loaded_at AS ago FROM etl.slice "
                "WHERE loaded_at IS NOT NULL ORDER BY loaded_at DESC LIMIT 1"
            )
        ).one_or_none()
    if row is None:
        return "nothing loaded yet"
    ago = row.ago.total_seconds()
    return f"last load {ago:,.0f} s ago: job {row.job_id}, from {row.start:%Y-%m-%d %H:%M} UTC"
