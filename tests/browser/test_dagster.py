"""Dagster's pages over the whole stack, as a person uses them."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg2
import pytest
from playwright.sync_api import Page, expect

from cli.embedded import dagster_stack
from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions, seed
from tests.browser.conftest import Seen
from tests.e2e.pipeline import QUICK
from tests.prepared_cluster import FAST, copy_prepared_cluster

pytestmark = pytest.mark.timeout(600)

DAY, ROWS = "2025-12-05", 1_152
TEN_DAYS = {"MINUANO_DAGSTER_LAST_DAY": "2025-12-10"}
RUN_WITHIN_MS = 90_000


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with Dagster over ten days of sample data, none of them loaded."""
    with ExitStack() as until:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory(prefix="minuano-browser-")))
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        made = Stack(folder, settings={**QUICK, **TEN_DAYS}, server_settings=FAST)
        until.callback(made.stop)
        seed(made.start_servers().owner_source_url, SeedOptions(), lambda *_: None)
        made.start_services(aggregators=1)
        dagster_stack.start(made)
        yield made


def rows(stack: Stack) -> int:
    connection = psycopg2.connect(stack.state.target_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM data")
            [[count]] = cursor.fetchall()
            return int(count)
    finally:
        connection.close()


def test_a_partition_is_materialised_and_turns_green(stack: Stack, page: Page, seen: Seen) -> None:
    page.goto(f"{stack.state.dagster_url}/assets/wind/statistics?view=partitions")
    expect(page.get_by_text("Missing (10)")).to_be_visible()
    page.get_by_role("button", name="Materialize").first.click()
    expect(page.get_by_text("Launch runs to materialize")).to_be_visible()
    asked = page.get_by_placeholder("ex: 2025-12-01").last
    asked.fill(DAY)
    asked.press("Enter")
    page.get_by_role("button", name="Launch 1 run").click()
    expect(page.get_by_text("Materialized (1)")).to_be_visible(timeout=RUN_WITHIN_MS)
    expect(page.get_by_text("Failed (0)")).to_be_visible()
    page.locator("span").filter(has_text=DAY).first.click()
    expect(page.get_by_text("windows").first).to_be_visible()
    assert rows(stack) == ROWS
    assert (seen.elsewhere, seen.errors) == ([], [])
