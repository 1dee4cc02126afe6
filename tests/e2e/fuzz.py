"""Send generated requests to every service: python -m tests.e2e.fuzz --requests 100000 --seed 1

Each round sends requests to all services in parallel and prints a line. Its seed gives the same
requests again. The first finding is printed completely and ends the command with exit code 1.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.e2e.openapi import SERVICES, SchemathesisResult, run_schemathesis, running_with_api_key
from tests.e2e.pipeline import Pipeline

# The other phases do not depend on the seed; test_openapi.py runs them.
PHASES = "fuzzing,stateful"
ROUND_S = 120
MARGIN_S = 180


def main() -> int:
    options = _options()
    responses: Counter[str] = Counter()
    seed, started = options.seed, time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="minuano-fuzz-") as folder,
        running_with_api_key() as pipeline,
    ):
        while responses.total() < options.requests:
            for service, result in _run_round(pipeline, seed, Path(folder)).items():
                responses += result.by_status
                if not result.passed:
                    print(f"{result.output}\nfinding in {service}, seed {seed}")  # noqa: T201
                    return 1
            _print_round(seed, responses, time.monotonic() - started)
            seed += 1
    print("nothing found")  # noqa: T201
    return 0


def _run_round(pipeline: Pipeline, seed: int, folder: Path) -> dict[str, SchemathesisResult]:
    """Send requests to each service for ROUND_S seconds."""
    options = ("--seed", str(seed), "--phases", PHASES, "--max-time", str(ROUND_S))
    fuzz_service = partial(_fuzz_service, pipeline, options, folder)
    with ThreadPoolExecutor(len(SERVICES)) as pool:
        return dict(zip(SERVICES, pool.map(fuzz_service, SERVICES), strict=True))


def _fuzz_service(
    pipeline: Pipeline, options: tuple[str, ...], folder: Path, service: str
) -> SchemathesisResult:
    return run_schemathesis(pipeline, service, *options, cwd=folder, within_s=ROUND_S + MARGIN_S)


def _print_round(seed: int, responses: Counter[str], elapsed_s: float) -> None:
    total = responses.total()
    statuses = "  ".join(f"{status}: {count:,}" for status, count in sorted(responses.items()))
    print(  # noqa: T201
        f"seed {seed}: {total:,} requests, {total / elapsed_s:,.0f} a second  ({statuses})",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.fuzz",
        description="Send generated requests to every service; exit code 1 at the first finding.",
        epilog="Example: python -m tests.e2e.fuzz --requests 100000 --seed 1",
    )
    parser.add_argument(
        "--requests", type=int, default=100_000, help="the minimum number of requests (100000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first round (1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
