"""`prune`: remove what nothing needs any more."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from cli import clients
from cli.console import console
from shared.ledger.audit_log import AuditLog
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.ledger.prune import MAX_DAYS, Prune, Pruned
from shared.streams.dead_letters import DeadLetters

_DAYS = re.compile(r"([1-9]\d{0,5})d")


def _age(value: str) -> str:
    days = _DAYS.fullmatch(value)
    if not days or int(days[1]) > MAX_DAYS:
        raise typer.BadParameter(f"write a number of days, 1d to {MAX_DAYS}d, for example 90d")
    return value


def prune(
    older_than: Annotated[
        str, typer.Option(help="Remove only what is older, for example 90d", callback=_age)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be removed")
    ] = False,
) -> None:
    """Remove old ended jobs, replaced slices, audit entries and dead letters that nothing needs.

    Example: minuano prune --older-than 90d --dry-run

    A slice is removed only if one newer job has loaded the same day again. So the results, `only` =
    `changed`, `reconcile` and the protection from late batches stay as they are. Audit entries are
    kept for at least 30 days. One of the extractors does the same once a day: see
    MINUANO_KEEP_DAYS. Ends with 1 if a server was unavailable; running it again removes the rest.
    """
    engine = clients.target("prune")
    letters = DeadLetters(*clients.streams())
    actions = DeadLetterActions(letters, Ledger(engine), AuditLog(engine))
    age = timedelta(days=int(older_than[:-1]))
    pruned = Pruned()
    try:
        with console.status("reading the ledger …") as progress:
            for step in Prune(engine, actions, older_than=age, dry_run=dry_run).steps():
                pruned = step
                progress.update(_summary(pruned))
    finally:
        engine.dispose()
        verb = "would be removed" if dry_run else "removed"
        console.print(f"older than {older_than}, {verb}: {_summary(pruned)}", soft_wrap=True)


def _summary(pruned: Pruned) -> str:
    return (
        f"slices {pruned.slices:,} of {pruned.checked:,}, jobs {pruned.jobs:,}, "
        f"audit entries {pruned.audit_entries:,}, dead letters {pruned.dead_letters:,}"
    )
