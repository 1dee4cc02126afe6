"""The pages of the pipeline, of jobs and of dead letters, over a stack that runs."""

import re
from collections.abc import Callable, Iterator

import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from cli.embedded.stack import Stack
from shared.sample_data.writer import SeedOptions
from tests.browser.accessibility import grave_findings, overflows
from tests.browser.conftest import Seen
from tests.browser.stacks import ask, with_dashboard
from tests.faults.databases import run_in
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(600)

PAGES = ("/pipeline", "/jobs", "/jobs/1", "/dead")
SAMPLES = SeedOptions(assets=2)
SETTINGS = {"MINUANO_SOURCE_ASSET_COLUMN": "asset"}
Look = Callable[..., Page]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with with_dashboard(SAMPLES, SETTINGS) as made:
        ask(made, "2025-12-01")
        yield made


@pytest.fixture(scope="module")
def streams(stack: Stack) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.state.redis_url) as found:
        yield found


@pytest.fixture
def look(browser: Browser, stack: Stack, seen: Seen) -> Iterator[Look]:
    """Open a page in a browser that is dark, narrow or both."""
    opened = []

    def at(path: str, **how: object) -> Page:
        options = {"viewport": {"width": 1400, "height": 900}, **how}
        context = browser.new_context(**options)  # type: ignore[arg-type]
        opened.append(context)
        context.route("**/*", seen.route)
        page = context.new_page()
        seen.watch(page)
        page.goto(stack.state.dashboard_url + path)
        return page

    yield at
    for context in opened:
        context.close()


def in_target(stack: Stack, statement: str) -> None:
    run_in(stack.state.owner_target_url, statement)


def answers_yes(page: Page) -> None:
    """Press the dialog's button that does it."""
    page.locator("#confirm-yes").click()


def open_letter(page: Page, stack: Stack, reason: str) -> None:
    """Wait for a letter of this reason, then open it."""
    found = page.locator("table.letters tbody tr").filter(has_text=reason).first

    def there() -> bool:
        page.goto(f"{stack.state.dashboard_url}/dead")
        return found.is_visible()

    wait_until(there, what="the dead letter")
    found.get_by_role("link").first.click()
    page.wait_for_load_state()


def test_a_job_is_started_from_the_page_and_seen_to_end(
    stack: Stack, page: Page, seen: Seen
) -> None:
    page.goto(f"{stack.state.dashboard_url}/jobs?start=2025-12-05&end=2025-12-05&asset=T01")
    expect(page.get_by_label("T01")).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("1 missing")
    page.get_by_label("Last day, included").fill("2025-12-07")
    expect(page.locator("#preview")).to_contain_text("3 missing")
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_text("The job is asked for.")).to_be_visible()
    expect(page.locator("#state .badge")).to_contain_text("done")
    expect(page.locator("#state")).to_contain_text("3 / 3")
    expect(page.locator("#slices")).to_contain_text("loaded")
    expect(page.locator("#log")).to_contain_text("batch.loaded")
    page.get_by_role("link", name="Fill in the form with it").click()
    expect(page.locator("#preview")).to_contain_text("3 complete")
    assert (seen.elsewhere, seen.errors) == ([], [])


def test_the_line_to_copy_asks_for_the_same(stack: Stack, page: Page, seen: Seen) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{stack.state.dashboard_url}/jobs?start=2025-12-05&asset=T02")
    page.get_by_text("The same as a line to copy").click()
    page.locator("#as-minuano-copy").click()
    expect(page.locator("#as-minuano-copy")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "minuano run 2025-12-05 --assets=T02"
    assert (seen.elsewhere, seen.errors) == ([], [])


def test_a_letter_whose_cause_is_mended_is_replayed_and_its_job_is_done(
    stack: Stack, page: Page, seen: Seen
) -> None:
    ask(stack, "2025-12-02")
    in_target(stack, "UPDATE signal SET ddof = 0 WHERE statistic = 'std'")
    page.goto(f"{stack.state.dashboard_url}/jobs")
    page.get_by_label("First day").fill("2025-12-03")
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator("#state .badge")).to_contain_text("failed")
    in_target(stack, "UPDATE signal SET ddof = 1 WHERE statistic = 'std'")
    job = page.url.rsplit("/", 1)[1]
    page.locator("#its-dead").click()
    page.wait_for_load_state()
    page.get_by_label("all on this page").check()
    page.get_by_role("button", name="Replay the ticked").click()
    answers_yes(page)
    expect(page.locator("#told")).to_contain_text("Put back on their streams")
    page.goto(f"{stack.state.dashboard_url}/jobs/{job}")
    expect(page.locator("#state .badge")).to_contain_text("done")
    assert (seen.elsewhere, seen.errors) == ([], [])


def test_a_letter_is_dropped_once_it_was_confirmed(
    stack: Stack, page: Page, seen: Seen, streams: redis.Redis
) -> None:
    streams.xadd("minuano:raw", {"v": "0", "job": "1", "payload": b"\xff torn"})
    open_letter(page, stack, "version")
    expect(page.get_by_text("The payload can't be read:")).to_be_visible()
    page.get_by_role("button", name="Drop").click()
    page.get_by_role("button", name="No, leave it").click()
    expect(page.get_by_role("button", name="Drop")).to_be_focused()
    page.get_by_role("button", name="Drop").click()
    answers_yes(page)
    expect(page.locator("#told")).to_contain_text("Removed for good: 1")
    expect(page.get_by_text("dashboard@127.0.0.1").first).to_be_visible()
    assert (seen.elsewhere, seen.errors) == ([], [])


def test_a_stage_without_a_worker_is_seen_to_stand_still_and_to_go_on(
    stack: Stack, page: Page, seen: Seen, streams: redis.Redis
) -> None:
    page.goto(f"{stack.state.dashboard_url}/pipeline")
    expect(page.get_by_text("All is well.")).to_be_visible()
    stack.scale("aggregator", 0)
    page.request.post(f"{stack.state.extractor_url}/jobs", data={"date": "2025-12-08"})
    expect(page.locator("#verdict")).to_contain_text("Aggregator stands still: 2 wait")
    expect(page.locator("#compose-aggregator1")).to_have_text("docker compose up -d aggregator")
    expect(page.locator("#stage-aggregator .badge")).to_contain_text("stands still")
    stack.scale("aggregator", 1)
    expect(page.get_by_text("All is well.")).to_be_visible()
    assert (seen.elsewhere, seen.errors) == ([], [])


def test_a_job_is_cancelled_by_keyboard_alone(stack: Stack, page: Page, seen: Seen) -> None:
    stack.scale("aggregator", 0)
    try:
        page.goto(f"{stack.state.dashboard_url}/jobs")
        page.locator("#submit").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#state .badge")).to_contain_text("running")
        # All is published then: nothing takes the button away while the question is answered.
        expect(page.locator("#state")).to_contain_text("2 / 2")
        page.wait_for_load_state()  # before its scripts are there, a button asks nothing
        page.locator("#state button").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="No, leave it")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#state .badge")).to_contain_text("cancelled")
    finally:
        stack.scale("aggregator", 1)
    assert (seen.elsewhere, seen.errors) == ([], [])


@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs"])
def test_a_question_outlives_that_the_page_is_drawn_anew(
    stack: Stack, page: Page, seen: Seen, path: str
) -> None:
    stack.scale("aggregator", 0)
    try:
        job = ask(stack, "2025-12-05")
        page.goto(stack.state.dashboard_url + path.format(job))
        page.wait_for_load_state()
        page.locator(f"#cancel-{job}").click()
        asked = page.locator(f"#cancel-{job}").element_handle()
        in_target(stack, f"UPDATE etl.job SET created_at = '{1970 + job}-01-01Z' WHERE id = {job}")
        expect(page.get_by_text(f"{1970 + job}-01-01").first).to_be_attached()
        assert not asked.evaluate("button => button.isConnected")
        answers_yes(page)
        expect(page.locator("#state .badge")).to_contain_text("cancelled")
    finally:
        stack.scale("aggregator", 1)
    assert (seen.elsewhere, seen.errors) == ([], [])


def test_every_page_is_reached_and_left_by_the_keyboard(look: Look) -> None:
    page = look("/jobs")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("First day")).to_be_focused()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("how", ["light", "dark"])
def test_no_page_keeps_people_out(
    look: Look, streams: redis.Redis, seen: Seen, path: str, how: str
) -> None:
    if path == "/dead":
        streams.xadd("minuano:jobs", {"date": "2025-02-30"})
    wide, narrow = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
    for size in (wide, narrow):
        page = look(path, viewport=size, color_scheme=how)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".htmx-request")).to_have_count(0)
        assert grave_findings(page) == []
        assert not overflows(page)
    assert (seen.elsewhere, seen.errors) == ([], [])


def test_portuguese_and_a_zone_are_chosen_by_the_browser_and_kept(look: Look) -> None:
    page = look("/pipeline", locale="pt-BR")
    expect(page.locator("#stage-loader")).to_contain_text("grava no destino")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#stage-loader")).to_contain_text("writes the target")
    expect(page.locator("#board")).to_contain_text(re.compile(r"as of \d{4}-.* UTC"))


def test_a_lost_connection_is_told_and_found_again(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.state.dashboard_url}/pipeline")
    expect(page.locator("#disconnected")).to_be_hidden()
    dashboard = stack.service("dashboard-1")
    dashboard.ask_to_stop()
    expect(page.locator("#disconnected")).to_be_visible()
    wait_until(lambda: not dashboard.running, what="the dashboard's end")
    dashboard.start()
    stack.wait_until_ready()
    expect(page.locator("#disconnected")).to_be_hidden()
