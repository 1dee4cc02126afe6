"""`dead-letters`: list, show, replay and drop the entries that no worker could process."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from cli import clients
from cli.console import console, one_line, table
from shared.errors import Conflict
from shared.ledger.audit_log import AuditLog
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.printable import printable
from shared.streams.dead_letter_preview import (
    MAX_FIELDS,
    RowsPreview,
    preview_fields,
    preview_rows,
)
from shared.streams.dead_letters import DeadLetter, DeadLetters

ALL = "all"
MAX_ROWS, MAX_COLUMNS = 5, 8

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay, drop.")

Id = Annotated[str, typer.Argument(help="The dead letter's id")]
IdOrAll = Annotated[str, typer.Argument(help="The dead letter's id, or `all`")]
Limit = Annotated[int, typer.Option(help="Show at most this many rows", min=1, max=10_000)]


@app.command("list")
def list_(limit: Limit = 50) -> None:
    """List the newest dead letters.

    Example: minuano dead-letters list
    """
    dead_letters = DeadLetters(*clients.streams())
    letters, count = dead_letters.headers(limit), dead_letters.count()
    rows = table("id", "at", "stage", "job", "reason", "tries", "error",
                 numbers=("job", "tries"), wraps="error")  # fmt: skip
    for letter in letters:
        cells = (
            letter.id, letter.dead_lettered_at[5:16].replace("T", " "), letter.stage,
            str(letter.job or ""), letter.reason, str(letter.deliveries), letter.error,
        )  # fmt: skip
        rows.add_row(*map(one_line, cells))
    console.print(rows if letters else "no dead letters")
    if count > len(letters):
        console.print(f"the newest {len(letters)} of {count}")


@app.command()
def show(id: Id) -> None:
    """Show one dead letter: the error, its fields, and the first rows of its payload.

    Example: minuano dead-letters show 1764892800000-0
    """
    letter = DeadLetters(*clients.streams()).letter(id)
    rows = table("field", "value", wraps="value")
    for name in (
        "reason",
        "error",
        "stage",
        "stream",
        "entry_id",
        "deliveries",
        "dead_lettered_at",
    ):
        rows.add_row(f"[bold]{name}[/]", Text(printable(str(getattr(letter, name)))))
    for key, value in preview_fields(letter):
        rows.add_row(Text(key), Text(value))
    console.print(rows)
    if len(letter.fields) > MAX_FIELDS:
        console.print(f"the first {MAX_FIELDS} of {len(letter.fields)} fields")
    if payload := preview_rows(letter, max_rows=MAX_ROWS, max_columns=MAX_COLUMNS):
        _print_payload(payload)


@app.command()
def replay(which: IdOrAll) -> None:
    """Put a dead letter back on its stream after its cause is fixed, and reopen its job.

    Example: minuano dead-letters replay all

    Ends with 1 if a dead letter cannot be replayed. `minuano audit` lists who replayed
    which dead letter.
    """
    actions = _actions()
    refused = 0
    for letter in (letter for page in _pages(actions.letters, which) for letter in page):
        try:
            warning = actions.replay(letter, by=clients.actor())
        except Conflict as conflict:
            refused += 1
            console.print(str(conflict), style="red", markup=False)
        else:
            if warning:
                console.print(warning, style="yellow", markup=False)
            console.print(f"{letter.id} replayed to {letter.stream}", markup=False)
    if refused:
        raise typer.Exit(1)


@app.command()
def drop(
    which: IdOrAll,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation")] = False,
) -> None:
    """Delete a dead letter permanently. Its job stays failed; `minuano retry` runs the job again.

    Example: minuano dead-letters drop 1764892800000-0 --yes

    The audit log keeps its fields without the payload, and who dropped it:
    see `minuano audit`.
    """
    actions = _actions()
    pages = _pages(actions.letters, which)
    if not yes:
        count = actions.letters.count()
        subject = f"all {count} dead letters" if which == ALL else f"dead letter {which}"
        typer.confirm(f"Delete {subject} permanently?", abort=True)
    for page in pages:
        actions.drop(page, by=clients.actor())
        for letter in page:
            console.print(f"{letter.id} dropped")


def _print_payload(payload: RowsPreview) -> None:
    if payload.error:
        console.print(f"the payload cannot be read: {payload.error}", markup=False)
        return
    columns = f"{len(payload.columns)} of {payload.total_columns} columns"
    console.print(f"{payload.total_rows} rows, the first {len(payload.rows)}, {columns}:")
    rows = table()
    for name in payload.columns:
        rows.add_column(Text(name), no_wrap=True, overflow="ellipsis")
    for row in payload.rows:
        rows.add_row(*(one_line("" if value is None else str(value)) for value in row))
    console.print(rows)


def _actions() -> DeadLetterActions:
    dead_letters, engine = DeadLetters(*clients.streams()), clients.target("dead-letters")
    return DeadLetterActions(dead_letters, Ledger(engine), AuditLog(engine))


def _pages(dead_letters: DeadLetters, which: str) -> Iterable[list[DeadLetter]]:
    """The chosen dead letters, page by page; those that arrive meanwhile are not included."""
    return dead_letters.pages() if which == ALL else [[dead_letters.letter(which)]]
