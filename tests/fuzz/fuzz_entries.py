"""Pass mutated stream entries to the handlers: python -m tests.fuzz.fuzz_entries --examples 20000

A child process handles the entries, so that an entry that crashes or blocks it is also found.
The command prints the count of each reason, then the findings. It exits with 1 if there are any.
"""

import argparse
import faulthandler
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import Postgres
from shared import logs
from shared.postgres import engines, schema_version
from tests.fuzz import memory
from tests.fuzz.entries import Example, draw_example
from tests.fuzz.verdict import Judge

MAX_GROWTH_MB = 400.0
STALLED_AFTER_S = 120.0

Work = Callable[[str, int, int, Connection], None]


@dataclass
class FuzzResult:
    """The outcomes of the examples."""

    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    growth_mb: float = 0.0
    """The largest increase in the memory of the process by one example."""
    largest: str = ""

    def add_finding(self, example: Example, problem: str) -> None:
        self.findings.append(f"{example}: {problem}")
        sys.stderr.write(f"WRONG  {self.findings[-1]}\n")


def run_examples(
    target_url: str, first: int, examples: int, work: Work | None = None
) -> FuzzResult:
    """Handle the examples of the seeds from `first` on; continue after a crash."""
    result, seed = FuzzResult(), first
    while seed < first + examples:
        seed = _run_until_exit(work or handle_examples, target_url, seed, first + examples, result)
    return result


def _run_until_exit(work: Work, target_url: str, first: int, end: int, result: FuzzResult) -> int:
    """Handle examples in a child process until it exits; return the next seed."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(target_url, first, end, sender), daemon=True)
    child.start()
    sender.close()
    current: Example | None = None
    try:
        while receiver.poll(STALLED_AFTER_S):
            message = receiver.recv()
            if isinstance(message, Example):
                current = message
            elif current:
                _record(result, current, *message)
        outcome = "did not finish"
        _kill_with_traceback(child)
    except EOFError:
        outcome = "crashed its process"
    child.join()
    if child.exitcode == 0:
        return end
    if current is None:
        raise RuntimeError(f"no example was handled: {result.findings}")
    result.add_finding(current, f"{outcome} ({child.exitcode})")
    return current.seed + 1


def _kill_with_traceback(child: BaseProcess) -> None:
    """Abort the child; its `faulthandler` prints the traceback on standard error."""
    if child.pid:
        os.kill(child.pid, signal.SIGABRT)


def _record(
    result: FuzzResult, example: Example, verdict: str, problem: str, growth_mb: float
) -> None:
    result.reasons[example.stage, verdict] += 1
    if growth_mb > result.growth_mb:
        result.growth_mb, result.largest = growth_mb, str(example)
    if growth_mb > MAX_GROWTH_MB:
        problem = f"{problem}\nit needed {growth_mb:.0f} MB"
    if problem:
        result.add_finding(example, problem)


def handle_examples(target_url: str, first: int, end: int, sender: Connection) -> None:
    """Handle the examples in this child process; send each example before and its result after."""
    faulthandler.enable()
    logs.configure("fuzz", log_format="console", level="critical")
    judge = Judge(target_url)
    for seed in range(first, end):
        sender.send(Example(seed, "no stage yet", ("drawing",), {}))
        example = draw_example(seed, judge.valid_entries)
        sender.send(Example(example.seed, example.stage, example.mutations, {}))
        before_mb = memory.reset_peak()
        try:
            verdict, problem = judge(example), ""
        except Exception as error:  # noqa: BLE001 - every error is a finding
            verdict = type(error).__name__
            problem = "".join(traceback.format_exception(error, limit=-4))
        sender.send((verdict, problem, memory.peak_mb() - before_mb))


@contextmanager
def target_database() -> Iterator[str]:
    """The URL of a new target database."""
    with tempfile.TemporaryDirectory(prefix="minuano-entries-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "logs").mkdir()
        server = Postgres(folder / "postgres", folder / "logs", settings=("fsync=off",))
        child = server.start()
        try:
            server.create_roles()
            server.create_database("target")
            url = server.url("target", "minuano_owner")
            engine = engines.connect(url, application="fuzz")
            schema_version.upgrade(engine)
            engine.dispose()
            yield url
        finally:
            stop_all([child], within_s=10)


def main() -> int:
    options = _options()
    print(f"{options.examples} entries, seeds from {options.seed}", flush=True)  # noqa: T201
    started = time.monotonic()
    with target_database() as url:
        result = run_examples(url, options.seed, options.examples)
    _print_summary(result, time.monotonic() - started)
    return 1 if result.findings else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.fuzz_entries",
        description="Pass mutated entries to the handlers; exit code 1 if there are findings.",
        epilog="Example: python -m tests.fuzz.fuzz_entries --examples 20000 --seed 1",
    )
    parser.add_argument("--examples", type=int, default=20_000, help="how many entries (20000)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6),
        help="the first seed; each entry has the next one (random)",
    )  # fmt: skip
    return parser.parse_args()


def _print_summary(result: FuzzResult, duration_s: float) -> None:
    lines: list[Any] = [
        *(f"  {count:7,}  {stage:10}  {verdict}" for (stage, verdict), count
          in sorted(result.reasons.items(), key=lambda item: (item[0][0], -item[1]))),
        f"entries            {sum(result.reasons.values()):,} in {duration_s:.0f} s",
        f"largest increase   {result.growth_mb:.0f} MB  ({result.largest})",
        f"findings           {len(result.findings)}",
    ]  # fmt: skip
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
