"""The protocol as a model of states: what the services, people and faults can do in each.

A job has one or two cells (a slice of the target each). A state is immutable; `steps` lists all
that can happen next. `docs/protocol.md` describes what is modelled:

- ledgers with an identity, jobs with attempts, and a dump that can be restored;
- two streams, whose entries are delivered, claimed when a lease has expired, acknowledged, lost,
  doubled, or left to nobody;
- extractors that check the job, read the source, publish and acknowledge;
- loaders that lock a cell, read the ledger, commit and acknowledge, crash, or stand still.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")

UNDELIVERED, LEFT = -1, -2
"""Instead of the worker that holds an entry. Redis delivers no entry that is `LEFT`."""
OPEN, STANDING = ("open", "frozen"), ("frozen", "ended")
"""Phases of a loader: with an open transaction, and in which it stands still."""


class Loaded(NamedTuple):
    """A cell that a job has loaded: the version of the source, and the attempt at that time."""

    version: int
    attempt: int


class Job(NamedTuple):
    """A job of the ledger; its number is its position. `uid` is never given twice. `since` is the
    version of the source when the job was accepted or retried.
    """

    uid: int
    attempt: int
    since: int
    is_cancelled: bool
    is_failed: bool
    loaded: tuple[Loaded | None, ...]

    @property
    def is_active(self) -> bool:
        return not self.is_cancelled and not self.is_failed and None in self.loaded


class Cell(NamedTuple):
    """What stands in a cell of the target: whose it is, and the version of the source."""

    uid: int
    version: int


class Request(NamedTuple):
    """An entry of the stream of jobs."""

    ledger: int
    job: int
    attempt: int


class Batch(NamedTuple):
    """An entry of the stream of batches. `uid` is the job that it was made for, in truth."""

    ledger: int
    job: int
    attempt: int
    cell: int
    version: int
    uid: int


class Held(NamedTuple):
    """An entry on a stream, and the worker that holds it."""

    entry: Request | Batch
    holder: int


class Work(NamedTuple):
    """What a worker does with its entry. An extractor has the attempt and the `uid` of the job, as
    the ledger had them, and the batch that it will publish.
    """

    entry: Request | Batch
    phase: str
    cell: int = 0
    attempt: int = 0
    uid: int = 0
    batch: Batch | None = None
    is_fenced: bool = False


class Budget(NamedTuple):
    """How often each thing may still happen."""

    jobs: int = 1
    changes: int = 0
    crashes: int = 0
    expiries: int = 0
    cancels: int = 0
    retries: int = 0
    failures: int = 0
    losses: int = 0
    doubles: int = 0
    freezes: int = 0
    removals: int = 0
    restores: int = 0


class State(NamedTuple):
    """All that the protocol knows, and the budget of what may happen."""

    source: int
    ledger: int
    uids: int
    jobs: tuple[Job, ...]
    cells: tuple[Cell | None, ...]
    dump: tuple[tuple[Job, ...], tuple[Cell | None, ...]] | None
    requests: tuple[Held, ...]
    batches: tuple[Held, ...]
    extractors: tuple[Work | None, ...]
    loaders: tuple[Work | None, ...]
    budget: Budget


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the protocol; a test switches each off, and the model finds what it prevents."""

    checks_ledger: bool = True
    checks_attempt: bool = True
    checks_at_commit: bool = True
    restore_changes_identity: bool = True
    locks: bool = True
    fences: bool = True
    acknowledges_after_effect: bool = True
    sets_aside: bool = True
    ends_standing_sessions: bool = True
    rescues_left_entries: bool = True
    sweeps: bool = True
    fails_own_attempt_only: bool = True


class Step(NamedTuple):
    """One thing that can happen. The system does some steps by itself, in the end."""

    name: str
    by_system: bool
    state: State


def initial(budget: Budget, *, cells: int = 1, workers: int = 2) -> State:
    """An empty ledger."""
    idle = (None,) * workers
    return State(0, 0, 0, (), (None,) * cells, None, (), (), idle, idle, budget)


def spend(state: State, name: str) -> State | None:
    """The state with one less of a budget; None if nothing is left of it."""
    left = getattr(state.budget, name)
    return state._replace(budget=state.budget._replace(**{name: left - 1})) if left else None


def with_stream(state: State, name: str, held: tuple[Held, ...]) -> State:
    """The state with another stream `requests` or `batches`."""
    if name == "requests":
        return state._replace(requests=held)
    return state._replace(batches=held)


def put(held: tuple[Held, ...], *new: Held) -> tuple[Held, ...]:
    """The stream with these entries too; the order of a stream does not matter."""
    return tuple(sorted((*held, *new)))


def remove(held: tuple[Held, ...], one: Held) -> tuple[Held, ...]:
    """The stream without one such entry."""
    at = held.index(one)
    return held[:at] + held[at + 1 :]


def acknowledge(held: tuple[Held, ...], entry: Request | Batch, worker: int) -> tuple[Held, ...]:
    """The stream without the entry of this worker, even if another one has claimed it."""
    own = [h for h in held if h.entry == entry and h.holder == worker]
    others = [h for h in held if h.entry == entry and h.holder != UNDELIVERED]
    for one in (*own, *others):
        return remove(held, one)
    return held


def set_at(items: tuple[T, ...], position: int, item: T) -> tuple[T, ...]:
    """The tuple with another item at the position."""
    return (*items[:position], item, *items[position + 1 :])


def deliveries(
    held: tuple[Held, ...], works: tuple[Work | None, ...], worker: int
) -> Iterator[tuple[str, Held]]:
    """The entries that a worker can get: new ones, those of a worker that has crashed or stands
    still, and those of another worker whose lease has expired (`expire`).
    """
    for one in dict.fromkeys(held):
        if one.holder == UNDELIVERED:
            yield "take", one
        elif one.holder >= 0:
            owner = works[one.holder]
            if owner is None or owner.entry != one.entry or owner.phase in STANDING:
                yield "claim", one
            elif one.holder != worker:
                yield "expire", one
