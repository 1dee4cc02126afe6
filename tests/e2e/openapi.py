"""Run Schemathesis: it generates requests from an OpenAPI document and checks the responses."""

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
    """The result of one run: whether all checks passed, the printed output, and the number of
    responses by operation and status, such as `GET /jobs 200`.
    """

    passed: bool
    output: str
    responses: Counter[str]

    @property
    def by_status(self) -> Counter[str]:
        """The number of responses by status."""
        counts: Counter[str] = Counter()
        for label, count in self.responses.items():
            counts[label.rsplit(" ", 1)[1]] += count
        return counts


@contextmanager
def running_with_api_key() -> Iterator[Pipeline]:
    """A pipeline that requires a key, with a day of two turbines in its source."""
    settings = {"MINUANO_API_KEY": KEY, "MINUANO_SOURCE_ASSET_COLUMN": "asset"}
    with running(settings=settings, assets=True, dashboard=True) as pipeline:
        rows = steady_samples(START, DAY_MINUTES)
        pipeline.fill_source([(asset, *row) for asset in ("T01", "T02") for row in rows])
        yield pipeline


def run_schemathesis(
    pipeline: Pipeline, service: str, *options: str, cwd: Path, within_s: float
) -> SchemathesisResult:
    """Send valid and invalid requests to a service, generated from its OpenAPI document."""
    from tests.e2e.schemathesis_hooks import COUNTS_FILE  # loads Schemathesis

    url = getattr(pipeline.addresses, f"{service}_url")
    counts_file = cwd / f"{service}.json"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "--no-color",
        "run", f"{url}/openapi.json", "--checks", "all",
        # The number of examples that a generator discards does not depend on the service.
        "--suppress-health-check", "filter_too_much",
        "--header", f"Authorization: Bearer {KEY}", *options,
    ]  # fmt: skip
    completed = subprocess.run(
        command, cwd=cwd, timeout=within_s, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), COUNTS_FILE: str(counts_file)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    responses = (
        Counter(json.loads(counts_file.read_text())) if counts_file.exists() else Counter[str]()
    )
    return SchemathesisResult(completed.returncode == 0, completed.stdout, responses)
