"""What may happen, how often, in each run of the model; and the rules that it is run without."""

from dataclasses import dataclass, replace

from tests.model.protocol import Budget, Rules, State, initial


@dataclass(frozen=True, slots=True)
class Configuration:
    """A start with a budget."""

    name: str
    budget: Budget
    cells: int = 1

    def start(self) -> State:
        return initial(self.budget, cells=self.cells)


CONFIGURATIONS = (
    Configuration("two jobs, a worker crashes", Budget(jobs=2, changes=1, crashes=1)),
    Configuration("two jobs, a lease expires", Budget(jobs=2, changes=1, expiries=1)),
    Configuration("two jobs, an entry is doubled", Budget(jobs=2, changes=1, doubles=1)),
    Configuration("two jobs, entries are lost", Budget(jobs=2, changes=1, losses=2)),
    Configuration("two jobs, a loader stands still", Budget(jobs=2, freezes=1, crashes=1)),
    Configuration("a cancel and a retry", Budget(jobs=2, changes=1, cancels=1, retries=1)),
    Configuration(
        "two attempts fail, a lease expires",
        Budget(jobs=1, changes=1, failures=2, retries=2, expiries=1),
    ),
    Configuration(
        "cancels, retries and a crash", Budget(jobs=1, changes=1, cancels=2, retries=2, crashes=1)
    ),
    Configuration("a restore", Budget(jobs=2, restores=1)),
    Configuration("a restore, entries are lost", Budget(jobs=2, restores=1, losses=1)),
    Configuration(
        "a restore, a change and a retry",
        Budget(jobs=1, restores=1, changes=1, cancels=1, retries=1, crashes=1),
    ),
    Configuration("consumers are removed", Budget(jobs=1, removals=2, crashes=2)),
    Configuration(
        "a loader stands still, and all else goes wrong",
        Budget(jobs=1, freezes=2, crashes=1, removals=1, losses=1),
    ),
    Configuration("two cells, a loader stands still", Budget(jobs=1, freezes=1, crashes=1), 2),
    Configuration(
        "two cells, an entry is doubled", Budget(jobs=1, changes=1, doubles=1, losses=1), 2
    ),
    Configuration("two cells, a retry", Budget(jobs=1, changes=1, cancels=1, retries=1), 2),
)


@dataclass(frozen=True, slots=True)
class WithoutRule:
    """Rules of which one is switched off, a budget with which this does harm, and the problem."""

    rules: Rules
    budget: Budget
    problem: str
    cells: int = 1

    def start(self) -> State:
        return initial(self.budget, cells=self.cells)


RULES = Rules()
WITHOUT = {
    "an entry names its ledger": WithoutRule(
        replace(RULES, checks_ledger=False), Budget(jobs=2, restores=1), "newest loaded job"
    ),
    "a restored ledger is another one": WithoutRule(
        replace(RULES, restore_changes_identity=False), Budget(jobs=2, restores=1),
        "newest loaded job",
    ),
    "an entry names its attempt": WithoutRule(
        replace(RULES, checks_attempt=False), Budget(jobs=1, changes=1, cancels=1, retries=1),
        "older than its start",
    ),
    "the job is checked at the commit": WithoutRule(
        replace(RULES, checks_at_commit=False), Budget(jobs=1, cancels=1), "was cancelled"
    ),
    "a lane fails its own attempt only": WithoutRule(
        replace(RULES, fails_own_attempt_only=False),
        Budget(jobs=1, failures=1, cancels=1, retries=1),
        "a lane of an earlier attempt",
    ),
    "loaders lock the days": WithoutRule(
        replace(RULES, locks=False), Budget(jobs=2), "newest loaded job"
    ),
    "the newer job wins": WithoutRule(
        replace(RULES, fences=False), Budget(jobs=2), "newest loaded job"
    ),
    "an entry is acknowledged after its effect": WithoutRule(
        replace(RULES, acknowledges_after_effect=False, sweeps=False), Budget(jobs=1, crashes=1),
        "do not end",
    ),
    "the sweeper publishes lost jobs": WithoutRule(
        replace(RULES, sweeps=False), Budget(jobs=1, losses=1), "do not end"
    ),
    "entries that nobody holds are rescued": WithoutRule(
        replace(RULES, rescues_left_entries=False), Budget(jobs=1, crashes=1, removals=1),
        "do not end",
    ),
    "busy slices are set aside": WithoutRule(
        replace(RULES, sets_aside=False), Budget(jobs=2, freezes=1), "stops others", cells=2
    ),
    "a session that stands still is ended": WithoutRule(
        replace(RULES, ends_standing_sessions=False), Budget(jobs=1, freezes=1), "do not end"
    ),
}  # fmt: skip
"""By the rule that is switched off."""
