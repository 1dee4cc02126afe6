"""Mutated stream entries against the handlers: python -m tests.fuzz.fuzz_entries --examples 20000

They are handled in a process of their own, so that one that kills or stops it is found out, too.
Prints how often each reason was given, then what is wrong, and ends with 1 if anything is.
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
from tests.fuzz.entries import Example, drawn
from tests.fuzz.verdict import Judge

MAX_GROWTH_MB = 400.0
STUCK_S = 120.0

Work = Callable[[str, int, int, Connection], None]


@dataclass
class Result:
    """What became of the examples."""

    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    growth_mb: float = 0.0
    """The most that one example has added to the memory of the process."""
    largest: str = ""

    def find(self, example: Example, wrong: str) -> None:
        self.findings.append(f"{example}: {wrong}")
        sys.stderr.write(f"WRONG  {self.findings[-1]}\n")


def examine(target_url: str, first: int, examples: int, work: Work | None = None) -> Result:
    """Handle the examples of the seeds from `first` on; after one that kills, go on behind it."""
    result, seed = Result(), first
    while seed < first + examples:
        seed = _examine(work or handle, target_url, seed, first + examples, result)
    return result


def _examine(work: Work, target_url: str, first: int, end: int, result: Result) -> int:
    """Until the end, or until a process does; return the seed to go on with."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(target_url, first, end, theirs), daemon=True)
    child.start()
    theirs.close()
    at: Example | None = None
    try:
        while ours.poll(STUCK_S):
            told = ours.recv()
            if isinstance(told, Example):
                at = told
            elif at:
                _note(result, at, *told)
        how = "did not end"
        _kill_with_traceback(child)
    except EOFError:
        how = "ended its process"
    child.join()
    if child.exitcode == 0:
        return end
    if at is None:
        raise RuntimeError(f"nothing could be examined: {result.findings}")
    result.find(at, f"{how} ({child.exitcode})")
    return at.seed + 1


def _kill_with_traceback(child: BaseProcess) -> None:
    """`faulthandler` in the child tells on standard error where it stands."""
    if child.pid:
        os.kill(child.pid, signal.SIGABRT)


def _note(result: Result, at: Example, verdict: str, wrong: str, growth_mb: float) -> None:
    result.reasons[at.stage, verdict] += 1
    if growth_mb > result.growth_mb:
        result.growth_mb, result.largest = growth_mb, str(at)
    if growth_mb > MAX_GROWTH_MB:
        wrong = f"{wrong}\nit took {growth_mb:.0f} MB"
    if wrong:
        result.find(at, wrong)


def handle(target_url: str, first: int, end: int, tell: Connection) -> None:
    """In a process of its own: tell of each example before and after."""
    faulthandler.enable()
    logs.configure("fuzz", log_format="console", level="critical")
    judge = Judge(target_url)
    for seed in range(first, end):
        tell.send(Example(seed, "nobody", ("drawing",), {}))
        example = drawn(seed, judge.genuine)
        tell.send(Example(example.seed, example.stage, example.mutations, {}))
        before_mb = memory.forget_peak()
        try:
            verdict, wrong = judge(example), ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            verdict = type(error).__name__
            wrong = "".join(traceback.format_exception(error, limit=-4))
        tell.send((verdict, wrong, memory.peak_mb() - before_mb))


@contextmanager
def target() -> Iterator[str]:
    """The URL of a target database of our own."""
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
    with target() as url:
        result = examine(url, options.seed, options.examples)
    _tell(result, time.monotonic() - started)
    return 1 if result.findings else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.fuzz_entries",
        description="Mutated entries against the handlers; exit code 1 if anything is wrong.",
        epilog="Example: python -m tests.fuzz.fuzz_entries --examples 20000 --seed 1",
    )
    parser.add_argument("--examples", type=int, default=20_000, help="how many entries (20000)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6),
        help="the first seed; each entry has the next one (random)",
    )  # fmt: skip
    return parser.parse_args()


def _tell(result: Result, took_s: float) -> None:
    lines: list[Any] = [
        *(f"  {count:7,}  {stage:10}  {verdict}" for (stage, verdict), count
          in sorted(result.reasons.items(), key=lambda item: (item[0][0], -item[1]))),
        f"entries            {sum(result.reasons.values()):,} in {took_s:.0f} s",
        f"most memory        {result.growth_mb:.0f} MB  ({result.largest})",
        f"wrong              {len(result.findings)}",
    ]  # fmt: skip
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
