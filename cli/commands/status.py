"""`status`: the pipeline at a glance."""

from sqlalchemy import text

from cli import here
from cli.console import console, table
from shared import database, pipeline, transport
from shared.dead import DeadLetters
from shared.entries import Streams
from shared.settings import RedisSettings, TargetSettings


def status() -> None:
    """Show what waits in each stage, who works on it, and the last load.

    Example: minuano status
    """
    settings = here.load(RedisSettings)
    client, streams = transport.connect(settings), Streams(settings.stream_prefix)
    shown = table(
        "stage", "stream", "waiting", "in hand", "oldest", "workers",
        numbers=("waiting", "in hand", "oldest", "workers"),
    )  # fmt: skip
    for stage in pipeline.stages(client, streams):
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
    console.print(_last_load(here.load(TargetSettings)))


def _last_load(settings: TargetSettings) -> str:
    engine = database.connect(settings.target_url.get_secret_value(), application="status")
    with database.translated(), engine.connect() as connection:
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
