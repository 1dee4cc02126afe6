"""Mutation tests: python -m tests.mutants --room loader

Plants one bug after another in a copy of the tree and runs the related tests there.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mutants import report
from tests.mutants.mutant import ROOT, Mutant, load, select
from tests.mutants.runner import Result, Runner
from tests.mutants.tree_copy import tracked_files

USAGE_ERROR = 2


def main() -> int:
    mutants = load()
    options = _options(sorted({mutant.room for mutant in mutants}))
    selected = select(mutants, room=options.room, pattern=options.only)
    if not selected:
        print("no planted bug has this name")  # noqa: T201
        return USAGE_ERROR
    with tempfile.TemporaryDirectory(prefix="minuano-mutants-") as name:
        Path(name).chmod(0o755)
        runner = Runner(ROOT, tracked_files(ROOT), Path(name), jobs=options.jobs)
        return run(runner, selected)


def run(runner: Runner, mutants: Sequence[Mutant]) -> int:
    """Run the tests against each planted bug; return 0 if they find enough of them."""
    print(f"{len(mutants)} planted bugs; first the tests run without a bug", flush=True)  # noqa: T201
    if (output := runner.baseline_failure(mutants)) is not None:
        print(f"{output}\nthe tests fail without a bug")  # noqa: T201
        return USAGE_ERROR
    results: list[Result] = []
    for result in runner.results(mutants):
        results.append(result)
        print(report.progress(len(results), len(mutants), result), flush=True)  # noqa: T201
    print(report.table(results))  # noqa: T201
    return 0 if report.is_good(results) else 1


def _options(rooms: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description="Plant the bugs of tests/mutants/*.toml one at a time and see whether the "
        "related tests notice. Exit code 0 if at least "
        f"{report.MIN_FOUND_SHARE:.0%} are found and all could be planted.",
        epilog="Example: python -m tests.mutants --room loader --jobs 2",
    )
    parser.add_argument("--only", default="", metavar="PATTERN", help="a part of the bug's name")
    parser.add_argument("--room", choices=rooms, help="only the bugs of this room")
    parser.add_argument("--jobs", type=int, default=1, help="how many at the same time (1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
