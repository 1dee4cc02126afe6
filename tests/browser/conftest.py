"""A real browser that reaches this machine and nothing else.

It is the Chromium on PATH: `apt-get install chromium-headless-shell`, or `make test` as root.
Without one these tests are skipped; with CI=true in the environment they fail instead.
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
HERE = "127.0.0.1"
SHOWS_WITHIN_MS = 30_000


@dataclass
class Seen:
    """What a page did besides what it showed."""

    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def route(self, route: Route) -> None:
        """Let through what goes to this machine; keep and stop all else."""
        if urlsplit(route.request.url).hostname == HERE:
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def watch(self, page: Page) -> None:
        """Keep the errors of the console, those that nobody caught, and sockets to elsewhere."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", self._opened)

    def _said(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.errors.append(said.text)

    def _opened(self, socket: WebSocket) -> None:
        if urlsplit(socket.url).hostname != HERE:
            self.elsewhere.append(socket.url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module only: as long as it is there, an event loop runs in this thread."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None and os.environ.get("CI"):
        pytest.fail(MISSING)
    if program is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        # Its own sandbox needs what root in a container does not have; it sees our pages only.
        launched = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"], timeout=120_000
        )
        yield launched
        launched.close()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def page(browser: Browser, seen: Seen) -> Iterator[Page]:
    """A page of its own, about as large as on a laptop; `seen` tells what it did."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, service_workers="block", timezone_id="UTC"
    )
    expect.set_options(timeout=SHOWS_WITHIN_MS)
    context.route("**/*", seen.route)
    opened = context.new_page()
    seen.watch(opened)
    yield opened
    context.close()
