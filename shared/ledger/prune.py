"""Prune: removes what nothing needs any more, in small transactions, so that nothing grows without
bound.

Only what is older than a given age is removed, and of that only:

1. Slices of ended jobs that were never loaded, or that are replaced: one newer job has loaded the
   whole day of the asset with at least the same variables and statistics. So each window of each
   statistic keeps the mark of the newest job that loaded it, which is all that the fence, `only` =
   `changed` and reconcile read.
1. Ended jobs that have no slices left.
1. Entries of the audit log, which are kept for at least 30 days.
1. Dead letters whose job has ended or is not in this ledger.

A job that has lost slices cannot be retried: it would load them a second time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Connection, Engine, TextClause, text

from shared.domain.actor import Actor
from shared.domain.job import END_STATES
from shared.ledger import prune_statements as statements
from shared.ledger.audit_log import current_user
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.postgres.engines import postgres_errors

ROWS_PER_TRANSACTION = 1_000
MAX_DAYS = 36_500
_LOCK = text("SELECT pg_advisory_xact_lock(30796695598100079)")  # "minuano" in ASCII


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed so far; in a dry run, what would be removed. `checked` is the number of
    slices that were looked at: those up to the last ended job.
    """

    checked: int = 0
    slices: int = 0
    jobs: int = 0
    audit_entries: int = 0
    dead_letters: int = 0


class Prune:
    """One prune of what is older than `older_than`. A dry run removes nothing."""

    def __init__(
        self,
        engine: Engine,
        actions: DeadLetterActions,
        *,
        older_than: timedelta,
        dry_run: bool = False,
        rows: int = ROWS_PER_TRANSACTION,
    ) -> None:
        self._engine, self._actions, self._dry_run = engine, actions, dry_run
        self._older_than, self._rows = older_than, rows
        self._values = {"older_than": older_than, "ended": list(END_STATES), "rows": rows}

    def steps(self) -> Iterator[Pruned]:
        """Prune; yield the counts after each transaction. A caller may stop at any of them. Raises
        `Unavailable`.
        """
        pruned = Pruned()
        for pruned in self._slices():
            yield pruned
        for jobs in self._counts(statements.COUNT_JOBS, statements.REMOVE_JOBS):
            pruned = replace(pruned, jobs=pruned.jobs + jobs)
            yield pruned
        for entries in self._counts(statements.COUNT_AUDIT, statements.REMOVE_AUDIT):
            pruned = replace(pruned, audit_entries=pruned.audit_entries + entries)
            yield pruned
        for letters in self._dead_letters():
            pruned = replace(pruned, dead_letters=pruned.dead_letters + letters)
            yield pruned

    def _slices(self) -> Iterator[Pruned]:
        """In a dry run, `jobs` are those that would lose all their slices."""
        statement = statements.COUNT_SLICES if self._dry_run else statements.REMOVE_SLICES
        checked, kept, pruned = set[int](), set[int](), Pruned()
        with self._transaction() as connection:
            last = connection.scalar(statements.LAST_ENDED, self._values)
        position = {"job": 0, "asset": "", "start": "-infinity", "last": last}
        while last is not None:
            with self._transaction() as connection:
                rows = connection.execute(statement, self._values | position).all()
            checked |= {row.job_id for row in rows}
            kept |= {row.job_id for row in rows if not row.removed}
            pruned = Pruned(
                checked=pruned.checked + len(rows),
                slices=pruned.slices + sum(row.removed for row in rows),
                jobs=len(checked - kept) if self._dry_run else 0,
            )
            yield pruned
            if len(rows) < self._rows:
                return
            position |= {
                "job": rows[-1].job_id, "asset": rows[-1].asset, "start": rows[-1].start,
            }  # fmt: skip

    def _counts(self, count: TextClause, remove: TextClause) -> Iterator[int]:
        """Remove rows until fewer are left than one transaction removes; yield how many each."""
        removed = self._rows
        while removed >= self._rows:
            with self._transaction() as connection:
                statement = count if self._dry_run else remove
                removed = int(connection.scalar(statement, self._values) or 0)
            yield removed
            if self._dry_run:
                return

    def _dead_letters(self) -> Iterator[int]:
        actor = Actor("prune", current_user())
        ledger = self._actions.ledger.identity().current
        for letters in self._actions.letters.older_than(self._older_than):
            with self._transaction() as connection:
                ids = {"ids": [letter.job for letter in letters if letter.job is not None]}
                active = set(connection.scalars(statements.ACTIVE_JOBS, self._values | ids))
            ended = [
                letter for letter in letters
                if letter.job not in active or letter.ledger not in (None, ledger)
            ]  # fmt: skip
            if ended and not self._dry_run:
                self._actions.drop(ended, by=actor)
            yield len(ended)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction of a prune; those of several prunes wait for each other."""
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(_LOCK)
            yield connection


def begin_daily(engine: Engine) -> bool:
    """Whether the daily prune is due. Of several processes that ask, one gets True."""
    with postgres_errors(), engine.begin() as connection:
        return connection.execute(statements.BEGIN_DAILY).one_or_none() is not None
