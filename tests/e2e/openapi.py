"""Requests made up from an OpenAPI document, and all that Schemathesis checks of the answers."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.pipeline import Pipeline, running
from tests.e2e.source_strategies import DAY_MINUTES, START, steady_samples

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
KEY = "key-of-the-test"
SERVICES = ("connector", "extractor", "dashboard")


@dataclass(frozen=True, slots=True)
class SchemathesisResult:
    """What came of one run: whether all was as it should be, what was printed about it, and how
    many answers there were, by operation and status: `GET /jobs 200`.
    """

    passed: bool
    output: str
    responses: Counter[str]

    @property
    def by_status(self) -> Counter[str]:
        """The answers by their status alone."""
        found: Counter[str] = Counter()
        for answer, count in self.responses.items():
            found[answer.rsplit(" ", 1)[1]] += count
        return found


@contextmanager
def running_with_api_key() -> Iterator[Pipeline]:
    """A pipeline that asks for a key, over a day of two turbines."""
    settings = {"MINUANO_API_KEY": KEY, "MINUANO_SOURCE_ASSET_COLUMN": "asset"}
    with running(settings=settings, assets=True, dashboard=True) as pipeline:
        rows = steady_samples(START, DAY_MINUTES)
        pipeline.fill_source([(asset, *row) for asset in ("T01", "T02") for row in rows])
        yield pipeline


def run_schemathesis(
    pipeline: Pipeline, service: str, *options: str, cwd: Path, within_s: float
) -> SchemathesisResult:
    """Ask a service for whatever its document allows, and for what it does not."""
    from tests.e2e.schemathesis_hooks import COUNTS_FILE  # loads Schemathesis

    url = getattr(pipeline.addresses, f"{service}_url")
    counts = cwd / f"{service}.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "--no-color",
        "run", f"{url}/openapi.json", "--checks", "all",
        # How many examples a generator throws away says nothing of the service.
        "--suppress-health-check", "filter_too_much",
        "--header", f"Authorization: Bearer {KEY}", *options,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=cwd, timeout=within_s, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), COUNTS_FILE: str(counts)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    answers = Counter(json.loads(counts.read_text())) if counts.exists() else Counter[str]()
    return SchemathesisResult(done.returncode == 0, done.stdout, answers)
