"""A real browser that can only reach this machine.

It is the Chromium on PATH (`apt-get install chromium-headless-shell`, or `make test` as root).
Without Chromium these tests are skipped, or fail if CI is set in the environment.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Route,
    WebSocket,
    expect,
    sync_playwright,
)

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium on PATH: apt-get install chromium-headless-shell (or `make test` as root)"
LOCALHOST = "127.0.0.1"
EXPECT_TIMEOUT_MS = 30_000


@dataclass
class Activity:
    """Requests to other hosts and errors of a page."""

    external: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def route(self, route: Route) -> None:
        """Block and record requests to other hosts."""
        if urlsplit(route.request.url).hostname == LOCALHOST:
            route.continue_()
        else:
            self.external.append(route.request.url)
            route.abort()

    def watch(self, page: Page) -> None:
        """Record console errors, uncaught errors, and sockets to other hosts."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", self._on_websocket)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_websocket(self, socket: WebSocket) -> None:
        if urlsplit(socket.url).hostname != LOCALHOST:
            self.external.append(socket.url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Per module, because an event loop runs in this thread while the browser is open."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None and os.environ.get("CI"):
        pytest.fail(MISSING)
    if program is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        # The sandbox needs privileges that root in a container lacks; only test pages are opened.
        chromium = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"], timeout=120_000
        )
        yield chromium
        chromium.close()


@pytest.fixture
def activity() -> Activity:
    return Activity()


@pytest.fixture
def page(browser: Browser, activity: Activity) -> Iterator[Page]:
    """A new page in the size of a laptop screen; `activity` records what it does."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, service_workers="block", timezone_id="UTC"
    )
    expect.set_options(timeout=EXPECT_TIMEOUT_MS)
    context.route("**/*", activity.route)
    page = context.new_page()
    activity.watch(page)
    yield page
    context.close()
