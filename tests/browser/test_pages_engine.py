"""The pages of the pipeline, jobs and dead letters in a browser, with a running stack."""

import re
from collections.abc import Callable, Iterator

import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions
from tests.browser.accessibility import overflows, severe_violations
from tests.browser.conftest import Activity
from tests.browser.stacks import running_stack, submit
from tests.e2e.sql import execute_once
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(600)

PAGES = ("/pipeline", "/jobs", "/jobs/1", "/dead")
SAMPLES = SeedOptions(assets=2)
SETTINGS = {"MINUANO_SOURCE_ASSET_COLUMN": "asset"}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(SAMPLES, SETTINGS) as stack:
        submit(stack, "2025-12-01")
        yield stack


@pytest.fixture(scope="module")
def streams(stack: Stack) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.state.redis_url) as found:
        yield found


@pytest.fixture
def open_page(browser: Browser, stack: Stack, activity: Activity) -> Iterator[Open]:
    """Opens a page with options such as a dark color scheme or a narrow viewport."""
    contexts = []

    def open_path(path: str, **changes: object) -> Page:
        options = {"viewport": {"width": 1400, "height": 900}, **changes}
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.route("**/*", activity.route)
        page = context.new_page()
        activity.watch(page)
        page.goto(stack.state.dashboard_url + path)
        return page

    yield open_path
    for context in contexts:
        context.close()


def in_target(stack: Stack, statement: str) -> None:
    execute_once(stack.state.owner_target_url, statement)


def confirm(page: Page) -> None:
    """Confirm the action in the dialog."""
    page.locator("#confirm-yes").click()


def open_dead_letter(page: Page, stack: Stack, reason: str) -> None:
    """Wait for a dead letter with this reason, then open it."""
    row = page.locator("table.letters tbody tr").filter(has_text=reason).first

    def is_listed() -> bool:
        page.goto(f"{stack.state.dashboard_url}/dead")
        return row.is_visible()

    wait_until(is_listed, what="the dead letter")
    row.get_by_role("link").first.click()
    page.wait_for_load_state()


def test_a_job_is_started_and_its_progress_is_live(
    stack: Stack, page: Page, activity: Activity
) -> None:
    page.goto(f"{stack.state.dashboard_url}/jobs?start=2025-12-05&end=2025-12-05&assets=T01")
    expect(page.get_by_label("T01")).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("1 missing")
    page.get_by_label("Last day (inclusive)").fill("2025-12-07")
    expect(page.locator("#preview")).to_contain_text("3 missing")
    page.get_by_role("button", name="Start job").click()
    expect(page.get_by_text("The job was submitted.")).to_be_visible()
    expect(page.locator("#state .badge")).to_contain_text("done")
    expect(page.locator("#state")).to_contain_text("3 / 3")
    expect(page.locator("#slices")).to_contain_text("loaded")
    expect(page.locator("#log")).to_contain_text("batch.loaded")
    page.get_by_role("link", name="Use this job as a template").click()
    expect(page.locator("#preview")).to_contain_text("3 complete")
    assert (activity.external, activity.errors) == ([], [])


def test_the_copied_command_starts_the_same_job(
    stack: Stack, page: Page, activity: Activity
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{stack.state.dashboard_url}/jobs?start=2025-12-05&assets=T02")
    page.get_by_text("Run from the command line").click()
    page.locator("#as-minuano-copy").click()
    expect(page.locator("#as-minuano-copy")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == ("minuano run 2025-12-05 --variables=power,wind_speed --assets=T02")
    assert (activity.external, activity.errors) == ([], [])


def test_a_replayed_dead_letter_completes_its_job(
    stack: Stack, page: Page, activity: Activity
) -> None:
    submit(stack, "2025-12-02")
    in_target(stack, "UPDATE signal SET ddof = 0 WHERE statistic = 'std'")
    page.goto(f"{stack.state.dashboard_url}/jobs")
    page.get_by_label("First day").fill("2025-12-03")
    page.get_by_role("button", name="Start job").click()
    expect(page.locator("#state .badge")).to_contain_text("failed")
    in_target(stack, "UPDATE signal SET ddof = 1 WHERE statistic = 'std'")
    job = page.url.rsplit("/", 1)[1]
    page.locator("#show-dead-letters").click()
    page.wait_for_load_state()
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Replay selected").click()
    confirm(page)
    expect(page.locator("#flash")).to_contain_text("Replayed: 2")
    page.goto(f"{stack.state.dashboard_url}/jobs/{job}")
    expect(page.locator("#state .badge")).to_contain_text("done")
    assert (activity.external, activity.errors) == ([], [])


def test_a_dead_letter_is_dropped_after_confirmation(
    stack: Stack, page: Page, activity: Activity, streams: redis.Redis
) -> None:
    streams.xadd("minuano:raw", {"v": "0", "job": "1", "payload": b"\xff torn"})
    open_dead_letter(page, stack, "version")
    expect(page.get_by_text("The payload cannot be read:")).to_be_visible()
    page.get_by_role("button", name="Drop").click()
    page.get_by_role("button", name="No, go back").click()
    expect(page.get_by_role("button", name="Drop")).to_be_focused()
    page.get_by_role("button", name="Drop").click()
    confirm(page)
    expect(page.locator("#flash")).to_contain_text("Dropped: 1")
    expect(page.get_by_text("dashboard@127.0.0.1").first).to_be_visible()
    assert (activity.external, activity.errors) == ([], [])


def test_a_stage_without_workers_is_shown_as_stalled_until_one_starts(
    stack: Stack, page: Page, activity: Activity, streams: redis.Redis
) -> None:
    page.goto(f"{stack.state.dashboard_url}/pipeline")
    expect(page.get_by_text("No problems.")).to_be_visible()
    stack.scale("aggregator", 0)
    for date in ("2025-12-08", "2025-12-09"):
        page.request.post(f"{stack.state.extractor_url}/jobs", data={"date": date})
    expect(page.locator("#problems")).to_contain_text("Aggregator is stalled: 2 batches waiting")
    expect(page.locator("#compose-aggregator1")).to_have_text("docker compose up -d aggregator")
    expect(page.locator("#stage-aggregator .badge")).to_contain_text("stalled")
    stack.scale("aggregator", 1)
    expect(page.get_by_text("No problems.")).to_be_visible()
    assert (activity.external, activity.errors) == ([], [])


def test_a_job_is_cancelled_by_keyboard(stack: Stack, page: Page, activity: Activity) -> None:
    stack.scale("aggregator", 0)
    try:
        page.goto(f"{stack.state.dashboard_url}/jobs")
        page.locator("#submit").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#state .badge")).to_contain_text("running")
        # All slices are published then, so no live update replaces the button during the dialog.
        expect(page.locator("#state")).to_contain_text("2 / 2")
        page.wait_for_load_state()  # without its scripts the button opens no dialog
        page.locator("#state button").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="No, go back")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#state .badge")).to_contain_text("cancelled")
    finally:
        stack.scale("aggregator", 1)
    assert (activity.external, activity.errors) == ([], [])


@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs"])
def test_the_confirm_dialog_survives_a_live_update(
    stack: Stack, page: Page, activity: Activity, path: str
) -> None:
    stack.scale("aggregator", 0)
    try:
        job = submit(stack, "2025-12-05")
        # A live update between mouse down and mouse up would swallow the click.
        page.goto(f"{stack.state.dashboard_url}/jobs/{job}")
        expect(page.locator("#state")).to_contain_text("2 / 2")
        page.goto(stack.state.dashboard_url + path.format(job))
        page.wait_for_load_state()
        page.locator(f"#cancel-{job}").click()
        button = page.locator(f"#cancel-{job}").element_handle()
        in_target(stack, f"UPDATE etl.job SET created_at = '{1970 + job}-01-01Z' WHERE id = {job}")
        expect(page.get_by_text(f"{1970 + job}-01-01").first).to_be_attached()
        assert not button.evaluate("button => button.isConnected")
        confirm(page)
        expect(page.locator("#state .badge")).to_contain_text("cancelled")
    finally:
        stack.scale("aggregator", 1)
    assert (activity.external, activity.errors) == ([], [])


def test_the_skip_link_leads_to_the_form(open_page: Open) -> None:
    page = open_page("/jobs")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("First day")).to_be_focused()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_do_not_overflow(
    open_page: Open, streams: redis.Redis, activity: Activity, path: str, scheme: str
) -> None:
    if path == "/dead":
        streams.xadd("minuano:jobs", {"date": "2025-02-30"})
    wide, narrow = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
    for size in (wide, narrow):
        page = open_page(path, viewport=size, color_scheme=scheme)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".htmx-request")).to_have_count(0)
        assert severe_violations(page) == []
        assert not overflows(page)
    assert (activity.external, activity.errors) == ([], [])


def test_the_language_is_chosen_by_the_browser_and_can_be_changed(open_page: Open) -> None:
    page = open_page("/pipeline", locale="pt-BR")
    expect(page.locator("#stage-loader")).to_contain_text("grava no destino")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#stage-loader")).to_contain_text("writes to the target")
    expect(page.locator("#stages")).to_contain_text(re.compile(r"as of \d{4}-.* UTC"))


def test_a_lost_connection_is_shown_until_it_is_restored(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.state.dashboard_url}/pipeline")
    expect(page.locator("#disconnected")).to_be_hidden()
    dashboard = stack.service("dashboard-1")
    dashboard.request_stop()
    expect(page.locator("#disconnected")).to_be_visible()
    wait_until(lambda: not dashboard.running, what="the dashboard's end")
    dashboard.start()
    stack.wait_until_ready()
    expect(page.locator("#disconnected")).to_be_hidden()
