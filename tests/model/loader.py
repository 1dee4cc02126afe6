"""What the loaders do in the model. A transaction is open in the phases `open` and `frozen`."""

from collections.abc import Iterator

from tests.model.protocol import (
    OPEN,
    UNDELIVERED,
    Batch,
    Cell,
    Held,
    Loaded,
    Rules,
    State,
    Step,
    Work,
    acknowledge,
    deliveries,
    put,
    remove,
    set_at,
    spend,
)


def steps(state: State, rules: Rules) -> Iterator[Step]:
    """All steps of all loaders. What ends a transaction comes first."""
    for worker, work in enumerate(state.loaders):
        if work is not None and work.phase in OPEN:
            yield from _in_transaction(state, rules, worker, work)
    for worker, work in enumerate(state.loaders):
        if work is None:
            yield from _takes(state, rules, worker)
        elif work.phase == "begin":
            yield from _begins(state, rules, worker, work)
        elif work.phase == "ack":
            batches = acknowledge(state.batches, work.entry, worker)
            yield Step("ack batch", True, _with(state._replace(batches=batches), worker, None))
        elif work.phase == "ended":
            # In the end it goes on, or another one takes its place.
            yield Step("thaw", True, _with(state, worker, work._replace(phase="begin")))


def _with(state: State, worker: int, work: Work | None) -> State:
    return state._replace(loaders=set_at(state.loaders, worker, work))


def _takes(state: State, rules: Rules, worker: int) -> Iterator[Step]:
    for how, one in deliveries(state.batches, state.loaders, worker):
        after = spend(state, "expiries") if how == "expire" else state
        if after:
            held = remove(after.batches, one)
            if rules.acknowledges_after_effect:
                held = put(held, Held(one.entry, worker))
            after = after._replace(batches=held)
            yield Step(f"{how} batch", how != "expire",
                       _with(after, worker, Work(one.entry, "begin")))  # fmt: skip


def _begins(state: State, rules: Rules, worker: int, work: Work) -> Iterator[Step]:
    """Lock the cell and read the ledger, or set the entry aside."""
    batch = work.entry
    assert isinstance(batch, Batch)
    is_busy = any(
        other is not None and other.phase in OPEN and other.cell == batch.cell
        for n, other in enumerate(state.loaders)
        if n != worker
    )
    if is_busy and rules.locks:
        if rules.sets_aside and rules.acknowledges_after_effect:
            held = [h for h in state.batches if h.entry == batch and h.holder == worker]
            batches = state.batches
            if held:
                batches = put(remove(batches, held[0]), Held(batch, UNDELIVERED))
            yield Step("set aside", True, _with(state._replace(batches=batches), worker, None))
        return
    if not _is_wanted(state, rules, batch):
        yield Step("skip", True, _with(state, worker, work._replace(phase="ack")))
        return
    newer = state.jobs[batch.job + 1 :]
    is_fenced = rules.fences and any(job.loaded[batch.cell] for job in newer)
    opened = work._replace(phase="open", cell=batch.cell, is_fenced=is_fenced)
    yield Step("begin", True, _with(state, worker, opened))


def _is_wanted(state: State, rules: Rules, batch: Batch) -> bool:
    if rules.checks_ledger and batch.ledger != state.ledger:
        return False
    if batch.job >= len(state.jobs):
        return False
    job = state.jobs[batch.job]
    if rules.checks_attempt and batch.attempt != job.attempt:
        return False
    return not job.is_cancelled and job.loaded[batch.cell] is None


def _in_transaction(state: State, rules: Rules, worker: int, work: Work) -> Iterator[Step]:
    if work.phase == "frozen":
        if rules.ends_standing_sessions:
            yield Step("end session", True, _with(state, worker, work._replace(phase="ended")))
        yield Step("thaw", False, _with(state, worker, work._replace(phase="open")))
        return
    yield Step("commit", True, _commit(state, rules, worker, work))
    if after := spend(state, "freezes"):
        yield Step("freeze", False, _with(after, worker, work._replace(phase="frozen")))


def _commit(state: State, rules: Rules, worker: int, work: Work) -> State:
    """Replace the cell and mark it; or roll back, if the job was cancelled or retried meanwhile."""
    batch = work.entry
    assert isinstance(batch, Batch)
    job = state.jobs[batch.job]
    changed = job.is_cancelled or (rules.checks_attempt and batch.attempt != job.attempt)
    if rules.checks_at_commit and changed:
        return _with(state, worker, Work(batch, "begin"))
    if job.loaded[batch.cell] is None or not rules.locks:
        loaded = set_at(job.loaded, batch.cell, Loaded(batch.version, job.attempt))
        state = state._replace(jobs=set_at(state.jobs, batch.job, job._replace(loaded=loaded)))
        if not work.is_fenced:
            cell = Cell(batch.uid, batch.version)
            state = state._replace(cells=set_at(state.cells, batch.cell, cell))
    return _with(state, worker, Work(batch, "ack"))
