"""`dead list | show | replay | drop`: what could not be handled, and what to do about it."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

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
    letters = _letters()
    found, count = letters.newest(limit), letters.count()
    listed = table("id", "at", "stage", "job", "reason", "error", numbers=("job",), free="error")
    for letter in found:
        cells = (
            letter.id, letter.at[5:16].replace("T", " "), letter.stage, str(letter.job or ""),
            letter.reason, letter.error,
        )  # fmt: skip
        listed.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    console.print(listed if found else "no dead letters")
    if count > len(found):
        console.print(f"the newest {len(found)} of {count}")


@app.command()
def show(id: Annotated[str, typer.Argument(help="The dead letter's id")]) -> None:
    """Show one dead letter: why it died, its fields, and the first rows of its payload.

    Example: minuano dead show 1764892800000-0
    """
    letter = _letters().letter(id)
    told = table("field", "value", free="value")
    for name in ("reason", "error", "stage", "stream", "entry_id", "deliveries", "at"):
        told.add_row(f"[bold]{name}[/]", Text(str(getattr(letter, name))))
    for key, value in letter.fields.items():
        told.add_row(Text(key.decode(errors="replace")), Text(_shown(key, value)))
    console.print(told)
    console.print(_payload(letter), markup=False)


@app.command()
def replay(which: Which) -> None:
    """Put a dead letter back on its stream, once its cause is mended; its job opens again.

    Example: minuano dead replay all
    """
    letters, ledger = _letters(), _ledger()
    refused = 0
    for letter in _chosen(letters, which):
        try:
            _reopen(ledger, letter)
            letters.replay(letter)
        except Conflict as why:
            refused += 1
            console.print(str(why), style="red", markup=False)
        else:
            console.print(f"{letter.id} is back on {letter.stream}", markup=False)
    if refused:
        raise typer.Exit(1)


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
        told = f"all {letters.count()} dead letters" if which == ALL else f"dead letter {which}"
        typer.confirm(f"Remove {told} for good?", abort=True)
    for letter in chosen:
        letters.drop(letter)
        console.print(f"{letter.id} is gone")


def _letters() -> DeadLetters:
    settings = here.load(RedisSettings)
    return DeadLetters(transport.connect(settings), Streams(settings.stream_prefix))


def _ledger() -> Ledger:
    settings = here.load(TargetSettings)
    return Ledger(database.connect(settings.target_url.get_secret_value(), application="dead"))


def _chosen(letters: DeadLetters, which: str) -> Iterable[DeadLetter]:
    return letters.all() if which == ALL else [letters.letter(which)]


def _reopen(ledger: Ledger, letter: DeadLetter) -> None:
    if letter.job is None:
        return
    try:
        if ledger.job(letter.job).state in ("failed", "cancelled"):
            ledger.retry(letter.job)
    except NotFound as why:
        console.print(str(why), style="yellow", markup=False)


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
