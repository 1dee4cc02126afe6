"""Run random schedules of the simulation: python -m tests.simulation --runs 100000 --seed 7

The command prints its progress. It exits with 1 at the first wrong result; its seed repeats it.
With `--planted` it prints the first seed that finds each planted fault, for `planted.FOUND_AT`.
"""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.planted import PLANTED, WITHIN
from tests.simulation.schedule import Schedule, Violation, is_wrong
from tests.simulation.system import Simulator

PROGRESS_EVERY = 1_000


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Run random schedules of the simulation; exit code 1 at the first wrong one.",
        epilog="Example: python -m tests.simulation --runs 100000 --seed 7",
    )
    parser.add_argument("--runs", type=int, default=10_000, help="how many schedules (10,000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--planted", action="store_true", help="find the planted faults instead")
    options = parser.parse_args()
    return find_planted() if options.planted else run(options.runs, options.seed)


def run(runs: int, first: int) -> int:
    """Run so many schedules; return the exit code."""
    started, jobs, happened = time.monotonic(), 0, Counter[str]()
    simulator = Simulator()
    with simulator.patched():
        for number in range(1, runs + 1):
            schedule = Schedule(simulator, first + number - 1)
            try:
                schedule.run()
            except Violation as violation:
                print(f"WRONG  {schedule}: {violation}")  # noqa: T201
                return 1
            jobs += len(schedule.system.database.jobs)
            happened.update(schedule.happened)
            if number % PROGRESS_EVERY == 0 or number == runs:
                seconds = time.monotonic() - started
                print(f"{number:,} schedules, {jobs:,} jobs, {seconds:.0f} s", flush=True)  # noqa: T201
    print(", ".join(f"{name} {count:,}" for name, count in happened.most_common()))  # noqa: T201
    return 0


def find_planted() -> int:
    """Print the first seed of each planted fault; return the exit code."""
    simulator = Simulator()
    with simulator.patched():
        for name, plant in PLANTED.items():
            with plant():
                seed = next((n for n in range(WITHIN) if is_wrong(simulator, n)), None)
            print(f'    "{name}": {seed},', flush=True)  # noqa: T201
            if seed is None:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
