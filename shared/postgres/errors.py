"""What an error of PostgreSQL means: it passes, the values are wrong, or the server refuses. The
table in docs/protocol.md, "Errors of PostgreSQL", explains the choice.
"""

from shared.errors import InvalidInput, MinuanoError, TimedOut, Unavailable

SOURCE, TARGET = "source", "target"
"""Reasons of jobs that a database refuses."""
# Classes of SQLSTATEs: connection, authorization, unknown database, transaction rollback,
# resources, operator intervention, system.
PASSING_CLASSES = ("08", "28", "3D", "40", "53", "57", "58")
# Read-only transaction, end of a session in a transaction, object in use, lock not available,
# snapshot too old; the server of a foreign table cannot be reached, or has no memory.
READ_ONLY = "25006"
PASSING = (READ_ONLY, "25P03", "25P04", "55006", "55P03", "72000", "HV00N", "HV001")
# Data exceptions, violated constraints.
DATA_CLASSES = ("22", "23")
NOT_UTF8 = "22021"
CANCELED = "57014"
"""A statement timeout, or a person's `pg_cancel_backend`. Only the text of the server says which,
and it is translated (`lc_messages`); so the time that the statement took decides.
"""


def passes(code: str | None) -> bool:
    """Whether an error may be gone when the statement is sent again, with nothing changed in the
    database. Without a server, or before the session has begun, there is no SQLSTATE.
    """
    return not code or code.startswith(PASSING_CLASSES) or code in PASSING


def to_error(
    code: str | None, text: str, *, refused: str | None = None, timed_out: bool = False
) -> MinuanoError:
    """The error for this SQLSTATE and text of PostgreSQL. What the server refuses until a person
    changes it there is `InvalidInput` with the reason `refused`, or `Unavailable` if that is None.
    A cancelled statement is `TimedOut` if it took as long as it may (`timed_out`).
    """
    sentence = text.strip().partition("\n")[0] + (f" ({code})" if code else "")
    if code == NOT_UTF8:
        sentence += "; the texts of a database without an encoding (SQL_ASCII) must be UTF-8"
    if code and code.startswith(DATA_CLASSES):
        return InvalidInput("data", f"PostgreSQL rejects the values: {sentence}")
    if refused is not None and code == CANCELED and timed_out:
        return TimedOut(f"PostgreSQL: {sentence}; its limit is MINUANO_LEASE_S")
    if refused is None or passes(code):
        return Unavailable(f"PostgreSQL: {sentence}")
    return InvalidInput(refused, f"PostgreSQL: {sentence}")
