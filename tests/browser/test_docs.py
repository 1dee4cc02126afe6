"""The API's documentation, from files of ours, under a policy that lets nothing inline in."""

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions
from tests.browser.conftest import Seen
from tests.browser.stacks import load, with_dashboard

pytestmark = pytest.mark.timeout(600)

KEY = "key-of-the-test"
DAY = "2025-12-01"
SAMPLES = SeedOptions(start=date.fromisoformat(DAY), days=1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with with_dashboard(SAMPLES, {"MINUANO_API_KEY": KEY}) as made:
        load(made, DAY, DAY, key=KEY)
        yield made


def test_a_request_is_tried_out_from_the_documentation(
    stack: Stack, page: Page, seen: Seen
) -> None:
    page.goto(f"{stack.state.dashboard_url}/docs")
    page.get_by_label("Key").fill(KEY)
    page.keyboard.press("Enter")
    listed = page.locator(".opblock-get", has=page.get_by_text("/api/signals", exact=True))
    listed.locator(".opblock-summary-control").click()
    listed.get_by_role("button", name="Try it out").click()
    listed.get_by_role("button", name="Execute").click()
    answer = listed.locator(".live-responses-table")
    expect(answer).to_contain_text("wind_speed_mean_10m")
    assert (seen.elsewhere, seen.errors) == ([], [])
