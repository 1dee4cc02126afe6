"""The overview, the data page and the API documentation in a browser, with an API key."""

import re
from collections.abc import Iterator
from datetime import date

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions
from tests.browser.accessibility import overflows, severe_violations
from tests.browser.conftest import Activity
from tests.browser.stacks import load, running_stack

pytestmark = pytest.mark.timeout(600)

KEY = "key-of-the-test"
SETTINGS = {
    "MINUANO_API_KEY": KEY,
    "MINUANO_SOURCE_ASSET_COLUMN": "asset",
}
SAMPLES = SeedOptions(start=date(2025, 12, 1), days=40, assets=2, gaps=0.02)
FIRST, LAST, NOT_LOADED = "2025-12-01", "2026-01-08", "2026-01-09"
PAGES = ("/", "/?days=365", f"/?asset=T02&day={NOT_LOADED}", "/data", "/sign-in", "/nowhere")
SIZES = {"wide": (1400, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(SAMPLES, SETTINGS) as stack:
        load(stack, FIRST, LAST, key=KEY)
        yield stack


def sign_in(page: Page, stack: Stack, back: str = "/") -> None:
    page.goto(f"{stack.state.dashboard_url}{back}")
    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")


@pytest.fixture
def overview(stack: Stack, page: Page) -> Page:
    """The overview after signing in, with its chart."""
    sign_in(page, stack)
    expect(page.locator("#wind[data-drawn]")).to_be_visible()
    return page


def assert_no_side_effects(activity: Activity) -> None:
    assert (activity.external, activity.errors) == ([], [])


def visible_percent(page: Page) -> float:
    """The share of the period that the chart shows, in percent."""
    percent = page.evaluate(
        "() => { const zoom = echarts.getInstanceByDom(document.getElementById('wind'))"
        ".getOption().dataZoom[0]; return zoom.end - zoom.start; }"
    )
    return float(percent)


def test_users_sign_in_and_out(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.state.dashboard_url}/data")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This key is not active.")
    page.get_by_label("Key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/data$"))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_latest_day_is_drawn_window_by_window(overview: Page, activity: Activity) -> None:
    expect(overview.locator("#wind[data-drawn='144'][data-step='600']")).to_be_visible()
    expect(overview.locator("#curve[data-drawn]")).to_be_visible()
    expect(overview.get_by_text("rated power 2,000 kW")).to_be_visible()
    assert_no_side_effects(activity)


def test_the_tooltip_shows_the_statistics_of_a_window(overview: Page, activity: Activity) -> None:
    box = overview.locator("#wind").bounding_box()
    assert box is not None
    overview.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    tip = overview.locator(".tip")
    expect(tip).to_contain_text("std")
    expect(tip).to_contain_text("min to max")
    expect(tip).to_contain_text("UTC")
    assert_no_side_effects(activity)


def test_a_loaded_day_links_to_its_data(overview: Page, activity: Activity) -> None:
    overview.get_by_role("link", name=re.compile(r"^T02, 2025-12-20: (in)?complete")).click()
    expect(overview.get_by_role("heading", name="T02 · 2025-12-20")).to_be_visible()
    expect(overview.locator("#wind[data-drawn='144']")).to_be_visible()
    assert_no_side_effects(activity)


def test_a_missing_day_can_be_loaded(overview: Page, stack: Stack) -> None:
    overview.goto(f"{stack.state.dashboard_url}/?day={LAST}&until={NOT_LOADED}")
    overview.get_by_role("link", name=f"T01, {NOT_LOADED}: no data").click()
    expect(overview.get_by_text("No data for this period")).to_be_visible()
    overview.get_by_role("link", name="Load data").click()
    expect(overview).to_have_url(
        re.compile(f"/jobs.*start={NOT_LOADED}&end={NOT_LOADED}&assets=T01")
    )


def test_zooming_into_a_year_fetches_the_windows_in_view(
    overview: Page, stack: Stack, activity: Activity
) -> None:
    overview.goto(f"{stack.state.dashboard_url}/?days=365")
    chart = overview.locator("#wind[data-drawn]")
    expect(chart).to_be_visible()
    assert int(chart.get_attribute("data-step") or 0) > 600
    expect(overview.get_by_text("Each point combines several windows")).to_be_visible()
    overview.locator("#wind").scroll_into_view_if_needed()
    button = overview.get_by_role("button", name="Zoom in")
    for _ in range(7):
        button.press("Enter")
    expect(overview.locator("#wind[data-step='600']")).to_be_visible()
    expect(overview.get_by_text("Each point combines several windows")).to_be_hidden()
    assert visible_percent(overview) == pytest.approx(100 / 2**7)
    assert_no_side_effects(activity)


def test_all_controls_are_reachable_by_keyboard(overview: Page) -> None:
    overview.reload()
    overview.keyboard.press("Tab")
    expect(overview.get_by_role("link", name="Skip to main content")).to_be_focused()
    overview.keyboard.press("Enter")
    expect(overview.locator("#main")).to_be_focused()
    reached = set()
    for _ in range(200):
        overview.keyboard.press("Tab")
        reached.add(overview.evaluate("document.activeElement.innerText || ''").strip())
        if overview.evaluate("document.activeElement.closest('.loaded-days') !== null"):
            break
    assert {"Week", "Zoom in", "Run again", "Show as table"} <= reached
    overview.keyboard.press("Enter")
    expect(overview).to_have_url(re.compile(r"\?asset=T01&day="))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_pages_are_accessible_and_do_not_overflow(
    stack: Stack, browser: Browser, path: str, scheme: str, size: str
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    if path == "/sign-in":
        page.goto(f"{stack.state.dashboard_url}{path}")
    else:
        sign_in(page, stack, path)
    page.wait_for_load_state("networkidle")
    assert severe_violations(page) == []
    assert not overflows(page)
    context.close()


def test_the_language_follows_the_browser_until_it_is_changed(
    stack: Stack, browser: Browser
) -> None:
    context = browser.new_context(locale="pt-BR")
    page = context.new_page()
    page.goto(stack.state.dashboard_url)
    page.get_by_label("Chave").fill(KEY)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", name="Visão geral")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    context.close()


def test_the_download_has_the_rows_of_the_table(
    overview: Page, stack: Stack, activity: Activity
) -> None:
    overview.goto(f"{stack.state.dashboard_url}/data?start={FIRST}&end=2025-12-02&assets=T01")
    rows = overview.locator(".windows tbody tr")
    expect(rows.first).to_contain_text(f"{FIRST} 00:00")
    shown = rows.count()
    overview.get_by_role("link", name="Next").click()
    expect(overview.get_by_role("heading", name="T01 · 2025-12-02")).to_be_visible()
    overview.wait_for_load_state()
    shown += rows.count()
    with overview.expect_download() as download:
        overview.get_by_role("link", name="Parquet").click()
    table = pq.read_table(download.value.path())
    assert table.num_rows == shown
    assert "T01.wind_speed_mean_10m" in table.column_names
    assert_no_side_effects(activity)


def test_the_snippet_can_be_copied(overview: Page, stack: Stack) -> None:
    overview.context.grant_permissions(["clipboard-read", "clipboard-write"])
    overview.goto(f"{stack.state.dashboard_url}/data")
    overview.get_by_role("button", name="Copy").click()
    expect(overview.get_by_role("button", name="Copied")).to_be_visible()
    copied = overview.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import pandas as pd")
    assert stack.state.dashboard_url in copied


def test_the_chart_shows_a_failed_request(stack: Stack, page: Page) -> None:
    page.route("**/api/series*", lambda route: route.abort())
    sign_in(page, stack)
    expect(page.get_by_text("The data could not be fetched.")).to_be_visible()


def test_the_documentation_can_send_a_request(stack: Stack, page: Page, activity: Activity) -> None:
    sign_in(page, stack, "/docs")
    operation = page.locator(".opblock-get", has=page.get_by_text("/api/signals", exact=True))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    responses = operation.locator(".live-responses-table")
    expect(responses).to_contain_text("wind_speed_mean_10m")
    assert_no_side_effects(activity)
