"""Complete stacks for the browser tests."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from cli.embedded import dagster_stack
from cli.embedded.stack import Stack
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ExtractorClientSettings
from shared.environment import build
from shared.sample_data.writer import SeedOptions, seed
from tests.actors import TESTER
from tests.e2e.cli_process import ANSWER_S
from tests.e2e.pipeline import FAST_SETTINGS
from tests.prepared_cluster import NO_FSYNC, copy_prepared_cluster

JOB_TIMEOUT_S = 240.0


@contextmanager
def running_stack(
    options: SeedOptions, settings: Mapping[str, str], *, dagster: bool = False
) -> Iterator[Stack]:
    """A running stack with these sample data, before any job; with Dagster or the dashboard."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="minuano-browser-")))
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        stack = Stack(folder, settings={**FAST_SETTINGS, **settings}, server_settings=NO_FSYNC)
        cleanup.callback(stack.stop)
        seed(stack.start_servers().owner_source_url, options, lambda *_: None)
        stack.start_services(aggregators=1, dashboard=not dagster)
        if dagster:
            dagster_stack.start(stack)
        yield stack


def load(stack: Stack, first: str, last: str, *, key: str | None = None) -> None:
    """Run a job for these days and wait until it is done."""
    settings = build(ExtractorClientSettings, extractor_url=stack.state.extractor_url, api_key=key)
    extractor = ExtractorClient(settings)
    job = extractor.post({"start": first, "end": last}, by=TESTER)
    *_, ended = extractor.follow(job["id"], timeout_s=JOB_TIMEOUT_S)
    extractor.close()
    assert ended["state"] == "done", ended


def submit(stack: Stack, date: str) -> int:
    """Submit a job; returns its ID."""
    url = f"{stack.state.extractor_url}/jobs"
    return int(httpx.post(url, json={"date": date}, timeout=ANSWER_S).json()["id"])
