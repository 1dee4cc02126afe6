"""The pages of Dagster in a browser, with a complete stack."""

from collections.abc import Iterator

import psycopg2
import pytest
from playwright.sync_api import Page, expect

from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions
from tests.browser.conftest import Activity
from tests.browser.stacks import running_stack

pytestmark = pytest.mark.timeout(600)

DAY, ROWS = "2025-12-05", 1_152
TEN_DAYS = {"MINUANO_DAGSTER_LAST_DAY": "2025-12-10"}
RUN_TIMEOUT_MS = 90_000


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack with Dagster and ten days of sample data, before any job."""
    with running_stack(SeedOptions(), TEN_DAYS, dagster=True) as stack:
        yield stack


def rows(stack: Stack) -> int:
    connection = psycopg2.connect(stack.state.target_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM data")
            [[count]] = cursor.fetchall()
            return int(count)
    finally:
        connection.close()


def test_a_partition_is_materialized(stack: Stack, page: Page, activity: Activity) -> None:
    page.goto(f"{stack.state.dagster_url}/assets/wind/statistics?view=partitions")
    expect(page.get_by_text("Missing (10)")).to_be_visible()
    page.get_by_role("button", name="Materialize").first.click()
    expect(page.get_by_text("Launch runs to materialize")).to_be_visible()
    partitions = page.get_by_placeholder("ex: 2025-12-01").last
    partitions.fill(DAY)
    partitions.press("Enter")
    page.get_by_role("button", name="Launch 1 run").click()
    expect(page.get_by_text("Materialized (1)")).to_be_visible(timeout=RUN_TIMEOUT_MS)
    expect(page.get_by_text("Failed (0)")).to_be_visible()
    page.locator("span").filter(has_text=DAY).first.click()
    expect(page.get_by_text("windows").first).to_be_visible()
    assert rows(stack) == ROWS
    assert (activity.external, activity.errors) == ([], [])
