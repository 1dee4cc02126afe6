"""Many generated requests to both services: python -m tests.e2e.fuzz --requests 100000 --seed 1

Prints a line for each round and ends with 1 at the first finding: what Schemathesis has found is
printed whole, and the seed of a round gives the same requests again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.openapi import KEY, examine, generated
from tests.e2e.pipeline import running
from tests.e2e.samples import DAY_MINUTES, START, steady

ROUND_S = 60
MARGIN_S = 120
WORKERS = 2


def main() -> int:
    options = _options()
    total, started = 0, time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="minuano-fuzz-") as folder,
        running(settings={"MINUANO_API_KEY": KEY}) as pipeline,
    ):
        pipeline.fill(steady(START, DAY_MINUTES))
        services = {
            "connector": pipeline.addresses.connector_url,
            "extractor": pipeline.addresses.extractor_url,
        }
        for service, seed in _rounds(list(services), options.seed):
            done = examine(
                services[service], "--seed", str(seed), "--max-time", str(ROUND_S),
                "--workers", str(WORKERS), cwd=Path(folder), within_s=ROUND_S + MARGIN_S,
            )  # fmt: skip
            if done.returncode:
                print(f"{done.stdout}\nFOUND in {service}, seed {seed}")  # noqa: T201
                return 1
            total += generated(done.stdout)
            spent = time.monotonic() - started
            print(f"{service} seed {seed}: {total:,} requests in {spent:,.0f} s", flush=True)  # noqa: T201
            if total >= options.requests:
                break
    print(f"{total:,} requests, nothing found")  # noqa: T201
    return 0


def _rounds(services: list[str], seed: int) -> Iterator[tuple[str, int]]:
    while True:
        for service in services:
            yield service, seed
        seed += 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.fuzz",
        description="Generated requests to both services; exit code 1 at the first finding.",
        epilog="Example: python -m tests.e2e.fuzz --requests 100000 --seed 1",
    )
    parser.add_argument("--requests", type=int, default=100_000, help="at least so many (100000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round (1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
