"""Whole stacks with a dashboard, for a browser to look at."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from cli.embedded.stack import Stack
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ExtractorClientSettings
from shared.environment import build
from shared.sample_data.writer import SeedOptions, seed
from tests.e2e.cli_process import ANSWER_S
from tests.e2e.pipeline import QUICK
from tests.prepared_cluster import FAST, copy_prepared_cluster

DONE_WITHIN_S = 240.0


@contextmanager
def with_dashboard(
    options: SeedOptions, settings: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """A running stack over these sample data, none of them loaded."""
    with ExitStack() as until:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory(prefix="minuano-browser-")))
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        stack = Stack(folder, settings={**QUICK, **(settings or {})}, server_settings=FAST)
        until.callback(stack.stop)
        seed(stack.start_servers().owner_source_url, options, lambda *_: None)
        stack.start_services(aggregators=1, dashboard=True)
        yield stack


def load(stack: Stack, first: str, last: str, *, key: str | None = None) -> None:
    """Run a job over these days to its end."""
    access = build(ExtractorClientSettings, extractor_url=stack.state.extractor_url, api_key=key)
    extractor = ExtractorClient(access)
    job = extractor.post({"start": first, "end": last})
    *_, ended = extractor.follow(job["id"], timeout_s=DONE_WITHIN_S)
    extractor.close()
    assert ended["state"] == "done", ended


def ask(stack: Stack, date: str) -> int:
    """Ask for a job; its number."""
    url = f"{stack.state.extractor_url}/jobs"
    return int(httpx.post(url, json={"date": date}, timeout=ANSWER_S).json()["id"])
