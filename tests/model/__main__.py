"""Visit all states of the model: python -m tests.model --jobs 2

It prints the number of states of each configuration, and exits with 1 if a property does not hold.
"""

import argparse
import multiprocessing
import sys
import time

from tests.model.configurations import CONFIGURATIONS, RULES, Configuration
from tests.model.explore import Exploration, Violation


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.model", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time")
    options = parser.parse_args()
    started, states = time.monotonic(), 0
    with multiprocessing.Pool(options.jobs, maxtasksperchild=1) as pool:
        for name, count, problem in pool.imap_unordered(_explore, CONFIGURATIONS):
            print(f"{count:>9,} states  {name}", flush=True)  # noqa: T201
            states += count
            if problem:
                print(problem)  # noqa: T201
                return 1
    seconds = time.monotonic() - started
    print(f"{states:,} states in {seconds:.0f} s, no property is violated")  # noqa: T201
    return 0


def _explore(configuration: Configuration) -> tuple[str, int, str]:
    exploration = Exploration(configuration.start(), RULES)
    try:
        exploration.run()
    except Violation as violation:
        return configuration.name, exploration.count, str(violation)
    return configuration.name, exploration.count, ""


if __name__ == "__main__":
    sys.exit(main())
