"""What people and faults do in the model, as often as the budget allows."""

from collections.abc import Iterator

from tests.model.protocol import (
    LEFT,
    OPEN,
    UNDELIVERED,
    Held,
    Job,
    Request,
    Rules,
    State,
    Step,
    put,
    remove,
    set_at,
    spend,
    with_stream,
)


def steps(state: State, rules: Rules) -> Iterator[Step]:
    """All that a person or a fault can do."""
    yield from _people(state)
    yield from _faults(state)
    yield from _ledgers(state, rules)
    if rules.rescues_left_entries:
        yield from _rescues(state)


def _people(state: State) -> Iterator[Step]:
    if after := spend(state, "jobs"):
        number = len(after.jobs)
        job = Job(after.uids, 1, after.source, False, False, (None,) * len(after.cells))
        after = after._replace(uids=after.uids + 1, jobs=(*after.jobs, job))
        yield Step("accept", False, _request(after, number))
    if after := spend(state, "changes"):
        yield Step("change", False, after._replace(source=after.source + 1))
    for number, job in enumerate(state.jobs):
        if job.is_active and (after := spend(state, "cancels")):
            cancelled = job._replace(is_cancelled=True)
            yield Step("cancel", False, _with_job(after, number, cancelled))
        if (job.is_cancelled or job.is_failed) and (after := spend(state, "retries")):
            again = job._replace(
                attempt=job.attempt + 1, since=after.source, is_cancelled=False, is_failed=False
            )
            yield Step("retry", False, _request(_with_job(after, number, again), number))


def _with_job(state: State, number: int, job: Job) -> State:
    return state._replace(jobs=set_at(state.jobs, number, job))


def _request(state: State, number: int) -> State:
    entry = Request(state.ledger, number, state.jobs[number].attempt)
    return state._replace(requests=put(state.requests, Held(entry, UNDELIVERED)))


def _faults(state: State) -> Iterator[Step]:
    if after := spend(state, "crashes"):
        for worker, work in enumerate(state.extractors):
            if work is not None:
                workers = set_at(state.extractors, worker, None)
                yield Step("crash", False, after._replace(extractors=workers))
        for worker, work in enumerate(state.loaders):
            if work is not None:
                workers = set_at(state.loaders, worker, None)
                yield Step("crash", False, after._replace(loaders=workers))
    for stream in ("requests", "batches"):
        held: tuple[Held, ...] = getattr(state, stream)
        for one in dict.fromkeys(held):
            yield from _faults_of(state, stream, held, one)


def _faults_of(state: State, stream: str, held: tuple[Held, ...], one: Held) -> Iterator[Step]:
    if after := spend(state, "losses"):
        yield Step("lose", False, with_stream(after, stream, remove(held, one)))
    if after := spend(state, "doubles"):
        double = put(held, one._replace(holder=UNDELIVERED))
        yield Step("double", False, with_stream(after, stream, double))
    if one.holder >= 0 and (after := spend(state, "removals")):
        left = put(remove(held, one), one._replace(holder=LEFT))
        yield Step("remove consumer", False, with_stream(after, stream, left))


def _rescues(state: State) -> Iterator[Step]:
    for stream in ("requests", "batches"):
        held: tuple[Held, ...] = getattr(state, stream)
        for one in held:
            if one.holder == LEFT:
                rescued = put(remove(held, one), one._replace(holder=UNDELIVERED))
                yield Step("rescue", True, with_stream(state, stream, rescued))
                break


def _ledgers(state: State, rules: Rules) -> Iterator[Step]:
    """A dump, and its restore: it closes all sessions, and the numbers of later jobs are free."""
    if not state.budget.restores:
        return
    if state.dump is None:
        yield Step("dump", False, state._replace(dump=(state.jobs, state.cells)))
    elif after := spend(state, "restores"):
        jobs, cells = state.dump
        loaders = tuple(
            work._replace(phase="begin") if work and work.phase in OPEN else work
            for work in state.loaders
        )
        ledger = after.ledger + rules.restore_changes_identity
        yield Step("restore", False, after._replace(
            jobs=jobs, cells=cells, dump=None, ledger=ledger, loaders=loaders,
        ))  # fmt: skip
