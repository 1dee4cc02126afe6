"""Run random schedules of faults: python -m tests.faults.chaos --runs 200 --seed 7

The command prints a line for each run. It exits with 1 at the first wrong result and keeps the logs
of that run. The seed gives the same schedule again.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from itertools import groupby
from pathlib import Path

from tests.faults.fault_stack import FaultStack
from tests.faults.schedule import Outcome, Schedule, run_schedule
from tests.faults.stack_setup import running_fault_stack
from tests.faults.versions import Versions

VERSIONS_EVERY = 3
"""After every third schedule there is one in which the samples carry versions."""


def main() -> int:
    options = _options()
    print(f"{options.runs} schedules, seeds from {options.seed}", flush=True)  # noqa: T201
    schedules = map(Schedule.draw, range(options.seed, options.seed + options.runs))
    outcomes: list[Outcome] = []
    faults: Counter[str] = Counter()
    for batch_slices, of_stack in groupby(schedules, key=lambda s: s.batch_slices):
        with running_fault_stack(batch_slices=batch_slices) as fault_stack:
            for schedule in of_stack:
                outcome = _run(fault_stack, schedule)
                if outcome is None:
                    return 1
                outcomes.append(outcome)
                faults.update(schedule.faults)
                if schedule.seed % VERSIONS_EVERY == 0:
                    versions = _run(fault_stack, Versions(fault_stack, schedule.seed))
                    if versions is None:
                        return 1
                    outcomes.append(versions)
    _print_summary(outcomes, faults)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.chaos",
        description="Run random schedules of faults; exit code 1 at the first wrong result.",
        epilog="Example: python -m tests.faults.chaos --runs 200 --seed 7",
    )
    parser.add_argument("--runs", type=int, default=50, help="how many schedules (50)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6),
        help="the first seed; each run has the next one (random)",
    )  # fmt: skip
    return parser.parse_args()


def _run(fault_stack: FaultStack, schedule: Schedule | Versions) -> Outcome | None:
    started = time.monotonic()
    try:
        if isinstance(schedule, Versions):
            outcome = schedule.run()
        else:
            outcome = run_schedule(fault_stack, schedule)
    except Exception:  # noqa: BLE001 - every error is a finding
        traceback.print_exc()
        saved_logs = Path(tempfile.mkdtemp(prefix=f"minuano-chaos-{schedule.seed}-")) / "logs"
        shutil.copytree(fault_stack.logs, saved_logs)
        print(f"WRONG  {schedule}; logs: {saved_logs}", flush=True)  # noqa: T201
        return None
    print(f"ok {time.monotonic() - started:5.1f} s  {schedule}", flush=True)  # noqa: T201
    return outcome


def _print_summary(outcomes: list[Outcome], faults: Counter[str]) -> None:
    lines = [
        "", f"runs               {len(outcomes)}, none wrong",
        f"jobs               {sum(outcome.jobs for outcome in outcomes):,}",
        f"rows compared      {sum(outcome.rows_compared for outcome in outcomes):,}",
        f"slowest recovery   {max(outcome.recovery_s for outcome in outcomes):.1f} s",
        "faults", *(f"  {count:5}  {name}" for name, count in faults.most_common()),
    ]  # fmt: skip
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
