"""Visits all states of the model, and says what it finds."""

from collections import deque
from dataclasses import dataclass

from tests.model import properties
from tests.model.protocol import Rules, State


@dataclass(frozen=True, slots=True)
class Violation(Exception):
    """A property does not hold; `history` has the steps that lead there, as few as possible."""

    problem: str
    history: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.problem}, after: {', '.join(self.history)}"


class Exploration:
    """All states that can be reached, breadth first. A visited state is kept as its hash of 64
    bits, with the step and the state that it was reached from.
    """

    def __init__(self, start: State, rules: Rules) -> None:
        self._rules = rules
        self._from: dict[int, tuple[int, str]] = {hash(start): (0, "")}
        self._waiting = deque([start])
        self._ending: set[int] = set()

    @property
    def count(self) -> int:
        """The number of states so far."""
        return len(self._from)

    def run(self, *, limit: int | None = None) -> int:
        """Visit all states, or at least `limit`; return their number. Raises `Violation`."""
        while self._waiting and (limit is None or self.count < limit):
            state = self._waiting.popleft()
            self._visit(state)
        return self.count

    def _visit(self, state: State) -> None:
        known, rules = hash(state), self._rules
        self._require_end(state)
        for step in properties.steps(state, rules):
            if wrong := properties.problem_of(step.name, state, step.state):
                raise Violation(wrong, (*self._history(known), step.name))
            reached = hash(step.state)
            if reached in self._from:
                continue
            self._from[reached] = known, step.name
            if wrong := properties.problem(step.state):
                raise Violation(wrong, self._history(reached))
            self._waiting.append(step.state)

    def _require_end(self, state: State) -> None:
        """Raise `Violation` unless the system ends all jobs by itself, if nothing more happens."""
        path: list[int] = []
        start = hash(state)
        following: State | None = state
        while following is not None and (known := hash(following)) not in self._ending:
            if len(path) > properties.MAX_STEPS:
                raise Violation("the jobs do not end", self._history(start))
            path.append(known)
            last, following = following, properties.next_by_system(following, self._rules)
            if following is None and (wrong := properties.problem_at_end(last)):
                raise Violation(wrong, self._history(start))
        self._ending.update(path)
        if properties.is_stopped(state, self._rules):
            raise Violation("a loader that stands still stops others", self._history(start))

    def _history(self, known: int) -> tuple[str, ...]:
        names: list[str] = []
        while known:
            known, name = self._from[known]
            names.append(name)
        return tuple(names[-2::-1])
