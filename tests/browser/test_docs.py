"""The documentation of the API in a browser, under the content security policy."""

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions
from tests.browser.conftest import Activity
from tests.browser.stacks import load, with_dashboard

pytestmark = pytest.mark.timeout(600)

KEY = "key-of-the-test"
DAY = "2025-12-01"
SAMPLES = SeedOptions(start=date.fromisoformat(DAY), days=1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with with_dashboard(SAMPLES, {"MINUANO_API_KEY": KEY}) as stack:
        load(stack, DAY, DAY, key=KEY)
        yield stack


def test_the_documentation_can_send_a_request(stack: Stack, page: Page, activity: Activity) -> None:
    page.goto(f"{stack.state.dashboard_url}/docs")
    page.get_by_label("Key").fill(KEY)
    page.keyboard.press("Enter")
    operation = page.locator(".opblock-get", has=page.get_by_text("/api/signals", exact=True))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    responses = operation.locator(".live-responses-table")
    expect(responses).to_contain_text("wind_speed_mean_10m")
    assert (activity.external, activity.errors) == ([], [])
