"""What an error of PostgreSQL means: it passes, the values are wrong, or the server refuses. The
table in docs/protocol.md, "Errors of PostgreSQL", explains the choice.
"""

from shared.errors import InvalidInput, MinuanoError, TimedOut, Unavailable

SOURCE, TARGET = "source", "target"
"""Reasons of jobs that a database refuses."""
# Classes of SQLSTATEs: connection, authorization, unknown database, transaction rollback,
# resources, operator intervention, system.
PASSING_CLASSES = ("08", "28", "3D", "40", "53", "57", "58")
# Read-only transaction, end of a session in a transaction, object in use, lock not available.
PASSING = ("25006", "25P03", "25P04", "55006", "55P03")
# Data exceptions, violated constraints.
DATA_CLASSES = ("22", "23")
NOT_UTF8 = "22021"
CANCELED = "57014"
BY_A_PERSON = "user request"
"""In the text of `CANCELED` after `pg_cancel_backend`, and not after a timeout."""


def passes(code: str | None, text: str) -> bool:
    """Whether an error may be gone when the statement is sent again, with nothing changed in the
    database. Without a server, or before the session has begun, there is no SQLSTATE.
    """
    if code == CANCELED:
        return BY_A_PERSON in text
    return not code or code.startswith(PASSING_CLASSES) or code in PASSING


def to_error(code: str | None, text: str, *, refused: str | None = None) -> MinuanoError:
    """The error for this SQLSTATE and text of PostgreSQL. What the server refuses until a person
    changes it there is `InvalidInput` with the reason `refused`, or `Unavailable` if that is None.
    A statement timeout is `TimedOut`.
    """
    sentence = text.strip().partition("\n")[0] + (f" ({code})" if code else "")
    if code == NOT_UTF8:
        sentence += "; the texts of a database without an encoding (SQL_ASCII) must be UTF-8"
    if code and code.startswith(DATA_CLASSES):
        return InvalidInput("data", f"PostgreSQL rejects the values: {sentence}")
    if refused is None or passes(code, text):
        return Unavailable(f"PostgreSQL: {sentence}")
    if code == CANCELED:
        return TimedOut(f"PostgreSQL: {sentence}; its limit is MINUANO_LEASE_S")
    return InvalidInput(refused, f"PostgreSQL: {sentence}")
