"""`dead list | show | replay | drop | audit`: what could not be handled, and what was done."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text
from sqlalchemy import Engine

from cli import context
from cli.console import console, table
from cli.dead_letter_format import cell, decoded, decoded_field, first_rows, printable
from shared.errors import Conflict
from shared.ledger.audit_log import AuditLog
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.settings import RedisSettings, TargetSettings
from shared.streams import redis_client
from shared.streams.dead_letters import DeadLetter, DeadLetters
from shared.streams.entries import StreamNames

ALL = "all"

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay, drop, audit.")

Which = Annotated[str, typer.Argument(help="The dead letter's id, or `all`")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(help="How many", min=1, max=10_000)] = 50,
) -> None:
    """List the newest dead letters.

    Example: minuano dead list
    """
    letters = _letters()
    found, count = letters.headers(limit), letters.count()
    listed = table("id", "at", "stage", "job", "reason", "tries", "error",
                   numbers=("job", "tries"), free="error")  # fmt: skip
    for letter in found:
        cells = (
            letter.id, letter.died_at[5:16].replace("T", " "), letter.stage, str(letter.job or ""),
            letter.reason, str(letter.deliveries), letter.error,
        )  # fmt: skip
        listed.add_row(*map(cell, cells))
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
    for name in ("reason", "error", "stage", "stream", "entry_id", "deliveries", "died_at"):
        told.add_row(f"[bold]{name}[/]", Text(printable(str(getattr(letter, name)))))
    for key, value in letter.fields.items():
        told.add_row(Text(decoded(key)), Text(decoded_field(key, value)))
    console.print(told)
    console.print(first_rows(letter), markup=False)


@app.command()
def replay(which: Which) -> None:
    """Put a dead letter back on its stream, once its cause is mended; its job opens again.

    Example: minuano dead replay all

    Who did so is kept: see `minuano dead audit`.
    """
    graveyard = _graveyard()
    refused = 0
    for letter in (letter for page in _chosen(graveyard.letters, which) for letter in page):
        try:
            odd = graveyard.replay(letter)
        except Conflict as why:
            refused += 1
            console.print(str(why), style="red", markup=False)
        else:
            if odd:
                console.print(odd, style="yellow", markup=False)
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

    What it was about stays, without its payload, and who did so: see `minuano dead audit`.
    """
    graveyard = _graveyard()
    chosen = _chosen(graveyard.letters, which)
    if not yes:
        count = graveyard.letters.count()
        told = f"all {count} dead letters" if which == ALL else f"dead letter {which}"
        typer.confirm(f"Remove {told} for good?", abort=True)
    for page in chosen:
        graveyard.drop(page)
        for letter in page:
            console.print(f"{letter.id} is gone")


@app.command()
def audit(
    limit: Annotated[int, typer.Option(help="How many", min=1, max=10_000)] = 50,
    job: Annotated[int | None, typer.Option(help="Only letters of this job")] = None,
) -> None:
    """List who replayed or dropped which dead letters, the newest first.

    Example: minuano dead audit --job 7

    It is noted before it is done: a letter that still is in `dead list` was not, or died again.
    """
    found = AuditLog(_target()).newest(limit, job=job)
    listed = table("at", "who", "action", "id", "stage", "job", "reason", "error",
                   numbers=("job",), free="error")  # fmt: skip
    for deed in found:
        cells = (
            f"{deed.at:%m-%d %H:%M}", deed.actor, deed.action, deed.dead_letter_id, deed.stage,
            "" if deed.job_id is None else str(deed.job_id), deed.reason, deed.error,
        )  # fmt: skip
        listed.add_row(*map(cell, cells))
    console.print(listed if found else "no dead letter was replayed or dropped")


def _letters() -> DeadLetters:
    settings = context.load(RedisSettings)
    return DeadLetters(redis_client.connect(settings), StreamNames(settings.stream_prefix))


def _graveyard() -> DeadLetterActions:
    letters, engine = _letters(), _target()
    return DeadLetterActions(letters, Ledger(engine), AuditLog(engine))


def _target() -> Engine:
    settings = context.load(TargetSettings)
    return engines.connect(settings.target_url.get_secret_value(), application="dead")


def _chosen(letters: DeadLetters, which: str) -> Iterable[list[DeadLetter]]:
    """A page after the other; what comes meanwhile is left for the next time."""
    return letters.pages() if which == ALL else [[letters.letter(which)]]
