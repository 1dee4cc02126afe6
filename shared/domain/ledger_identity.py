"""The identity of a ledger: the numbers of jobs are unique in one ledger only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """`schema` was made with the schema, and a copy of the database has it too. `current` is what
    entries carry. It is another one in a copy, after a restore, and after a failover: there the
    ledger may give the number of a job again.
    """

    schema: str
    current: str
