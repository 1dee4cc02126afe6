"""`dead list | show | replay | drop`: what could not be handled, and what to do about it."""

from typing import Annotated

import typer

from cli import here
from cli.console import console, table
from shared import database, transport
from shared.dead import DeadLetter, DeadLetters
from shared.entries import Streams
from shared.errors import Conflict, NotFound, Rejected
from shared.ledger import Ledger
from shared.messages import RawBatch, StatsBatch
from shared.settings import RedisSettings, TargetSettings

FIRST_ROWS = 5
ALL = "all"

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay, drop.")

Which = Annotated[str, typer.Argument(help="The dead letter's id, or `all`")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(help="How many", min=1, max=10_000)] = 50,
) -> None:
    """List the newest dead letters.

    Example: minuano dead list
    """
    found = _letters().newest(limit)
    listed = table("id", "at", "stage", "job", "reason", "deliveries", "error")
    for letter in found:
        listed.add_row(
            letter.id, letter.at, letter.stage, str(letter.job or ""), letter.reason,
            str(letter.deliveries), letter.error,
        )  # fmt: skip
    console.print(listed if found else "no dead letters")


@app.command()
def show(id: Annotated[str, typer.Argument(help="The dead letter's id")]) -> None:
    """Show one dead letter: why it died, its fields, and the first rows of its payload.

    Example: minuano dead show 1764892800000-0
    """
    letter = _letters().letter(id)
    told = table("field", "value")
    for name in ("reason", "error", "stage", "stream", "entry_id", "deliveries", "at"):
        told.add_row(f"[bold]{name}[/]", str(getattr(letter, name)))
    for key, value in letter.fields.items():
        told.add_row(key.decode(errors="replace"), _shown(key, value))
    console.print(told)
    console.print(_payload(letter))


@app.command()
def replay(which: Which) -> None:
    """Put a dead letter back on its stream, once its cause is mended; its job opens again.

    Example: minuano dead replay all
    """
    letters, ledger = _letters(), _ledger()
    for letter in _chosen(letters, which):
        _reopen(ledger, letter)
        letters.replay(letter)
        console.print(f"{letter.id} is back on {letter.stream}")


@app.command()
def drop(
    which: Which,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
) -> None:
    """Remove a dead letter for good. Its job stays failed: `minuano retry` extracts it again.

    Example: minuano dead drop 1764892800000-0 --yes
    """
    letters = _letters()
    chosen = _chosen(letters, which)
    if not yes:
        typer.confirm(f"Remove {len(chosen)} dead letters for good?", abort=True)
    for letter in chosen:
        letters.drop(letter)
        console.print(f"{letter.id} is gone")


def _letters() -> DeadLetters:
    settings = here.load(RedisSettings)
    return DeadLetters(transport.connect(settings), Streams(settings.stream_prefix))


def _ledger() -> Ledger:
    settings = here.load(TargetSettings)
    return Ledger(database.connect(settings.target_url.get_secret_value(), application="dead"))


def _chosen(letters: DeadLetters, which: str) -> list[DeadLetter]:
    if which == ALL:
        return letters.newest(letters.count() or 1)
    return [letters.letter(which)]


def _reopen(ledger: Ledger, letter: DeadLetter) -> None:
    if letter.job is None:
        return
    try:
        ledger.retry(letter.job)
    except (Conflict, NotFound) as why:
        console.print(f"[yellow]{why}[/]")


def _shown(key: bytes, value: bytes) -> str:
    return f"{len(value):,} bytes" if key == b"payload" else value.decode(errors="replace")


def _payload(letter: DeadLetter) -> str:
    if b"payload" not in letter.fields:
        return ""
    kind = StatsBatch if letter.stage == "loader" else RawBatch
    try:
        rows = kind.decode(letter.fields).table
    except Rejected as error:
        return f"the payload can't be read: {error.reason}: {error}"
    return f"{rows.num_rows} rows, the first:\n{rows.slice(0, FIRST_ROWS).to_pandas()}"
