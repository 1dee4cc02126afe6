"""Today's schema with one change: PostgreSQL checks the signal of each row by a declared key.

As shipped, triggers check it once a statement (docs/decisions/0011).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shared.errors import MinuanoError

KEY = "data_signal_id_fkey"
# Disabled triggers would still have PostgreSQL collect the rows written: they have to go.
TRIGGERS = """
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = 'data'::regclass AND tgfoid = 'require_signals'::regproc ORDER BY tgname
"""

Execute = Callable[[str], list[tuple[Any, ...]]]


@contextmanager
def declared_key(execute: Execute) -> Iterator[None]:
    """The target has the declared key within the block, and is as before after it.

    `execute` runs statements that are separated by semicolons in one transaction, as the owner of
    the tables. Raises `MinuanoError` if the triggers are not there.
    """
    triggers: dict[str, str] = dict(execute(TRIGGERS))
    if not triggers:
        raise MinuanoError("the table data has no trigger require_signals: is it up to date?")
    drop = [f"DROP TRIGGER {name} ON data" for name in triggers]
    key = "FOREIGN KEY (signal_id) REFERENCES signal (id)"
    execute("; ".join([*drop, f"ALTER TABLE data ADD CONSTRAINT {KEY} {key}"]))
    try:
        yield
    finally:
        execute("; ".join([f"ALTER TABLE data DROP CONSTRAINT {KEY}", *triggers.values()]))
