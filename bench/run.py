"""All of the benchmark, on stacks of its own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import machine, messages, work
from bench.results import Results
from bench.rig import Rig, rig

FAST_PERIOD_S = 0.1
FARM_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    times: int = 200
    days: tuple[int, ...] = (1, 7, 30, 365, 1826)
    assets: tuple[int, ...] = (1, 5, 20, 100)

    @classmethod
    def quick(cls) -> "Plan":
        """Enough to see whether a change helps."""
        return cls(rounds=1, times=40, days=(1, 30, 365), assets=(1, 20))


def run(plan: Plan, tell: Callable[[str], None]) -> Results:
    """Measure everything of the plan; `tell` hears what is being done."""
    results = Results(machine.facts())
    results.message_ms = messages.ms_per_slice()
    tell("samples of some years")
    with _rig(days=max(*plan.days, work.YEAR_DAYS)) as plain:
        results.facts |= {name: said.split(" ", 1)[1] for name, said in _servers(plain)}
        work.year(plain, results, rounds=plan.rounds, tell=tell)
        work.declared_key(plain, results, rounds=plan.rounds, tell=tell)
        work.latency(plain, results, times=plan.times, tell=tell)
        work.growth(plain, results, days=plan.days, tell=tell)
    tell("samples of many turbines")
    with _rig(days=FARM_DAYS, assets=max(plan.assets)) as farm:
        work.farm(farm, results, assets=plan.assets, rounds=plan.rounds, tell=tell)
    tell("samples at 10 Hz")
    with _rig(days=1, period_s=FAST_PERIOD_S) as fast:
        work.fast_day(fast, results, rounds=plan.rounds, tell=tell)
    return results


@contextmanager
def _rig(*, days: int, period_s: float = 60.0, assets: int = 0) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="minuano-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        with rig(folder, days=days, period_s=period_s, assets=assets) as made:
            yield made


def _servers(plain: Rig) -> Iterator[tuple[str, str]]:
    yield from plain.addresses.servers.items()
