"""The overview and the page of data, as an analyst uses them in the morning. The stack asks for a
key: whoever comes first signs in.
"""

import re
from collections.abc import Iterator
from datetime import date

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions
from tests.browser.accessibility import grave_findings, overflows
from tests.browser.conftest import Seen
from tests.browser.stacks import load, with_dashboard

pytestmark = pytest.mark.timeout(600)

KEY = "key-of-the-test"
SETTINGS = {
    "MINUANO_API_KEY": KEY,
    "MINUANO_SOURCE_ASSET_COLUMN": "asset",
}
SAMPLES = SeedOptions(start=date(2025, 12, 1), days=40, assets=2, gaps=0.02)
FIRST, LAST, LEFT_OUT = "2025-12-01", "2026-01-08", "2026-01-09"
PAGES = ("/", "/?days=365", f"/?asset=T02&day={LEFT_OUT}", "/data", "/sign-in", "/nowhere")
SIZES = {"wide": (1400, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with with_dashboard(SAMPLES, SETTINGS) as made:
        load(made, FIRST, LAST, key=KEY)
        yield made


def sign_in(page: Page, stack: Stack, back: str = "/") -> None:
    page.goto(f"{stack.state.dashboard_url}{back}")
    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")


@pytest.fixture
def overview(stack: Stack, page: Page) -> Page:
    """Signed in, and its chart drawn."""
    sign_in(page, stack)
    expect(page.locator("#wind[data-drawn]")).to_be_visible()
    return page


def nothing_else(seen: Seen) -> None:
    assert (seen.elsewhere, seen.errors) == ([], [])


def sight(page: Page) -> float:
    """The share of the period that the chart shows, in percent."""
    found = page.evaluate(
        "() => { const zoom = echarts.getInstanceByDom(document.getElementById('wind'))"
        ".getOption().dataZoom[0]; return zoom.end - zoom.start; }"
    )
    return float(found)


def test_whoever_has_no_key_signs_in_first(stack: Stack, page: Page) -> None:
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


def test_the_latest_day_is_drawn_window_by_window(overview: Page, seen: Seen) -> None:
    expect(overview.locator("#wind[data-drawn='144'][data-step='600']")).to_be_visible()
    expect(overview.locator("#curve[data-drawn]")).to_be_visible()
    expect(overview.get_by_text("of 2,000 kW rated")).to_be_visible()
    nothing_else(seen)


def test_a_window_tells_its_std_where_one_points(overview: Page, seen: Seen) -> None:
    box = overview.locator("#wind").bounding_box()
    assert box is not None
    overview.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    tip = overview.locator(".tip")
    expect(tip).to_contain_text("std")
    expect(tip).to_contain_text("min to max")
    expect(tip).to_contain_text("UTC")
    nothing_else(seen)


def test_the_map_leads_to_a_day(overview: Page, seen: Seen) -> None:
    overview.get_by_role("link", name=re.compile(r"^T02, 2025-12-20: (in)?complete")).click()
    expect(overview.get_by_role("heading", name="T02 · 2025-12-20")).to_be_visible()
    expect(overview.locator("#wind[data-drawn='144']")).to_be_visible()
    nothing_else(seen)


def test_a_day_that_is_missing_can_be_loaded(overview: Page, stack: Stack) -> None:
    overview.goto(f"{stack.state.dashboard_url}/?day={LAST}&until={LEFT_OUT}")
    overview.get_by_role("link", name=f"T01, {LEFT_OUT}: nothing").click()
    expect(overview.get_by_text("Nothing stands in the target for this time")).to_be_visible()
    overview.get_by_role("link", name="Load it").click()
    expect(overview).to_have_url(re.compile(f"/jobs.*start={LEFT_OUT}&end={LEFT_OUT}&asset=T01"))


def test_zooming_into_a_year_fetches_the_windows_in_sight(
    overview: Page, stack: Stack, seen: Seen
) -> None:
    overview.goto(f"{stack.state.dashboard_url}/?days=365")
    chart = overview.locator("#wind[data-drawn]")
    expect(chart).to_be_visible()
    assert int(chart.get_attribute("data-step") or 0) > 600
    expect(overview.get_by_text("A point stands for several windows")).to_be_visible()
    overview.locator("#wind").scroll_into_view_if_needed()
    button = overview.get_by_role("button", name="Zoom in")
    for _ in range(7):
        button.press("Enter")
    expect(overview.locator("#wind[data-step='600']")).to_be_visible()
    expect(overview.get_by_text("A point stands for several windows")).to_be_hidden()
    assert sight(overview) == pytest.approx(100 / 2**7)
    nothing_else(seen)


def test_the_keyboard_alone_reaches_everything(overview: Page) -> None:
    overview.reload()
    overview.keyboard.press("Tab")
    expect(overview.get_by_role("link", name="Skip to the content")).to_be_focused()
    overview.keyboard.press("Enter")
    expect(overview.locator("#main")).to_be_focused()
    reached = set()
    for _ in range(200):
        overview.keyboard.press("Tab")
        reached.add(overview.evaluate("document.activeElement.innerText || ''").strip())
        if overview.evaluate("document.activeElement.closest('.heat') !== null"):
            break
    assert {"Week", "Zoom in", "Run again", "As a table"} <= reached
    overview.keyboard.press("Enter")
    expect(overview).to_have_url(re.compile(r"\?asset=T01&day="))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_every_page_can_be_read_by_everybody(
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
    assert grave_findings(page) == []
    assert not overflows(page)
    context.close()


def test_the_page_speaks_the_browsers_language_until_told_otherwise(
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


def test_the_table_is_taken_away_as_it_stands(overview: Page, stack: Stack, seen: Seen) -> None:
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
    nothing_else(seen)


def test_the_snippet_is_copied(overview: Page, stack: Stack) -> None:
    overview.context.grant_permissions(["clipboard-read", "clipboard-write"])
    overview.goto(f"{stack.state.dashboard_url}/data")
    overview.get_by_role("button", name="Copy").click()
    expect(overview.get_by_role("button", name="Copied")).to_be_visible()
    copied = overview.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import pandas as pd")
    assert stack.state.dashboard_url in copied


def test_when_the_data_dont_come_the_chart_says_so(stack: Stack, page: Page) -> None:
    page.route("**/api/series*", lambda route: route.abort())
    sign_in(page, stack)
    expect(page.get_by_text("The data could not be fetched.")).to_be_visible()
