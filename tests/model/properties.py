"""What has to hold in each state, and in the end."""

from collections.abc import Iterator

from tests.model import environment, extractor, loader
from tests.model.protocol import LEFT, OPEN, Batch, Rules, State, Step

MAX_STEPS = 400
"""More than the system needs from any state to its end."""


def steps(state: State, rules: Rules) -> Iterator[Step]:
    """All that can happen next. The first step of the system leads to the end of all jobs."""
    yield from loader.steps(state, rules)
    yield from extractor.steps(state, rules)
    yield from environment.steps(state, rules)


def problem(state: State) -> str | None:
    """What is wrong in this state."""
    for cell, stands in enumerate(state.cells):
        loaded = [(job.uid, job.loaded[cell]) for job in state.jobs if job.loaded[cell]]
        newest = loaded[-1] if loaded else None
        if (stands is None) != (newest is None):
            return f"cell {cell} has {stands}, and the ledger {newest}"
        if stands and newest and newest[1] and stands != (newest[0], newest[1].version):
            return f"cell {cell} has {stands}; the newest loaded job is {newest}"
    for number, job in enumerate(state.jobs):
        for loaded_cell in job.loaded:
            is_of_attempt = loaded_cell and loaded_cell.attempt == job.attempt
            if loaded_cell and is_of_attempt and loaded_cell.version < job.since:
                return f"job {number} has loaded {loaded_cell}, older than its start {job.since}"
    return None


def problem_of(step: str, before: State, after: State) -> str | None:
    """What is wrong with this step."""
    for number, (job, later) in enumerate(zip(before.jobs, after.jobs, strict=False)):
        if step == "commit" and job.is_cancelled and job != later:
            return f"job {number} was cancelled, and was committed after that"
        if step == "fail" and later.is_failed and not job.is_failed:
            lanes = [w for w in before.extractors if w and w.phase == "read" and w.uid == job.uid]
            if all(lane.attempt != job.attempt for lane in lanes):
                return f"a lane of an earlier attempt failed job {number}"
    return None


def next_by_system(state: State, rules: Rules) -> State | None:
    """The state after the first step that the system does by itself; None at the end."""
    for step in steps(state, rules):
        if step.by_system:
            return step.state
    return None


def problem_at_end(state: State) -> str | None:
    """What is wrong when the system has nothing more to do."""
    if jobs := [number for number, job in enumerate(state.jobs) if job.is_active]:
        return f"jobs {jobs} do not end"
    if left := [one for one in (*state.requests, *state.batches) if one.holder == LEFT]:
        return f"{left} stay on their stream"
    return None


def is_stopped(state: State, rules: Rules) -> bool:
    """Whether a loader that stands still stops the slices of other days: the system goes on, but no
    session ends, and nobody takes a batch of a cell that is locked.
    """
    locked = {w.cell for w in state.loaders if w and w.phase == "frozen"}
    if not locked:
        return False
    for _ in range(MAX_STEPS):
        following = next(
            (s.state for s in steps(state, rules) if s.by_system and _goes_on(s, state, locked)),
            None,
        )
        if following is None:
            break
        state = following
    return any(
        job.is_active and any(v is None for c, v in enumerate(job.loaded) if c not in locked)
        for job in state.jobs
    )


def _goes_on(step: Step, before: State, locked: set[int]) -> bool:
    if step.name == "end session":
        return False
    if step.name in ("take batch", "claim batch"):
        new = [w for w, b in zip(step.state.loaders, before.loaders, strict=True) if w != b]
        return not any(
            w and w.phase not in OPEN and isinstance(w.entry, Batch) and w.entry.cell in locked
            for w in new
        )
    return True
