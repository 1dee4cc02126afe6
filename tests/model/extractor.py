"""What the extractors and their sweeper do in the model."""

from collections.abc import Iterator

from tests.model.protocol import (
    UNDELIVERED,
    Batch,
    Held,
    Job,
    Request,
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
    """All steps of all extractors, and of the sweeper."""
    for worker, work in enumerate(state.extractors):
        if work is None:
            yield from _takes(state, worker)
        elif work.phase == "check":
            yield Step("check", True, _check(state, rules, worker, work))
        elif work.phase == "read":
            yield Step("read", True, _read(state, worker, work))
            yield from _fails(state, rules, worker, work)
        elif work.phase == "publish":
            yield Step("publish", True, _publish(state, worker, work))
        else:
            yield Step("ack request", True, _acknowledge(state, worker, work))
    if rules.sweeps:
        yield from _sweeps(state)


def _takes(state: State, worker: int) -> Iterator[Step]:
    for how, one in deliveries(state.requests, state.extractors, worker):
        after = spend(state, "expiries") if how == "expire" else state
        if after:
            held = put(remove(after.requests, one), Held(one.entry, worker))
            work = Work(one.entry, "check")
            yield Step(
                f"{how} request", how != "expire",
                after._replace(
                    requests=held, extractors=set_at(after.extractors, worker, work)
                ),
            )  # fmt: skip


def _with(state: State, worker: int, work: Work | None) -> State:
    return state._replace(extractors=set_at(state.extractors, worker, work))


def _job_of(state: State, entry: Request, rules: Rules) -> Job | None:
    """The job of an entry that is to be handled."""
    if rules.checks_ledger and entry.ledger != state.ledger:
        return None
    if entry.job >= len(state.jobs):
        return None
    job = state.jobs[entry.job]
    if not job.is_active or (rules.checks_attempt and entry.attempt != job.attempt):
        return None
    return job


def _check(state: State, rules: Rules, worker: int, work: Work) -> State:
    """Read the job from the ledger: its attempt counts for all that this worker publishes."""
    assert isinstance(work.entry, Request)
    job = _job_of(state, work.entry, rules)
    if job is None:
        return _with(state, worker, work._replace(phase="ack"))
    checked = work._replace(
        phase="read", cell=job.loaded.index(None), attempt=job.attempt, uid=job.uid
    )
    return _with(state, worker, checked)


def _read(state: State, worker: int, work: Work) -> State:
    """Read the samples of a cell: they were all true at one moment of the source."""
    entry = work.entry
    batch = Batch(entry.ledger, entry.job, work.attempt, work.cell, state.source, work.uid)
    return _with(state, worker, work._replace(phase="publish", batch=batch))


def _publish(state: State, worker: int, work: Work) -> State:
    """Add the batch; go on with the next cell of the job, or acknowledge."""
    assert work.batch is not None
    after = state._replace(batches=put(state.batches, Held(work.batch, UNDELIVERED)))
    following = work.cell + 1
    is_last = following == len(state.cells)
    work = work._replace(phase="ack" if is_last else "read", cell=following, batch=None)
    return _with(after, worker, work)


def _acknowledge(state: State, worker: int, work: Work) -> State:
    requests = acknowledge(state.requests, work.entry, worker)
    return _with(state._replace(requests=requests), worker, None)


def _fails(state: State, rules: Rules, worker: int, work: Work) -> Iterator[Step]:
    """The source violates its contract: the job fails, unless the lane is of an older attempt."""
    after = spend(state, "failures")
    if after is None:
        return
    assert isinstance(work.entry, Request)
    number, attempt = work.entry.job, work.attempt
    if number < len(after.jobs):
        job = after.jobs[number]
        if not rules.fails_own_attempt_only or attempt == job.attempt:
            job = job._replace(is_failed=job.is_failed or job.is_active)
        after = after._replace(jobs=set_at(after.jobs, number, job))
    yield Step("fail", False, _with(after, worker, work._replace(phase="ack")))


def _sweeps(state: State) -> Iterator[Step]:
    """Publish a job again that has no entry on any stream."""
    for number, job in enumerate(state.jobs):
        wanted = (state.ledger, number, job.attempt)
        if job.is_active and not any(
            one.entry[:3] == wanted for one in (*state.requests, *state.batches)
        ):
            entry = Held(Request(*wanted), UNDELIVERED)
            yield Step("sweep", True, state._replace(requests=put(state.requests, entry)))
