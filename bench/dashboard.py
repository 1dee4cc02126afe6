"""The dashboard over a year of one turbine: how soon its pages are useful, and what a year costs.

minuano up                  (in a folder of its own)
minuano seed --start 2025-01-01 --days 365 --yes
minuano backfill 2025-01-01 2025-12-31
python -m bench.dashboard   (in that folder; with Chromium on PATH)
"""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median

import httpx
from playwright.sync_api import Browser, sync_playwright

from bench.load.resource_sampler import rss_mb
from cli import context

LAST, YEAR = "2025-12-31", {"start": "2025-01-01", "end": "2026-01-01"}
TIMES = 15
LOOK_EVERY_S = 0.01
FORMS = ("json", "csv", "arrow", "parquet")
# Told by the browser itself: to ask with every frame would make it draw frames.
WATCH = """
  window.drawn = new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      if (document.querySelector("#wind[data-drawn]")) resolve(performance.now());
    });
    const what = { subtree: true, childList: true, attributeFilter: ["data-drawn"] };
    watch.observe(document, what);
  });
  window.painted = new Promise((resolve) => {
    const watch = new PerformanceObserver((list) => {
      for (const entry of list.getEntriesByName("first-contentful-paint")) resolve(entry.startTime);
    });
    watch.observe({ type: "paint", buffered: true });
  });"""


def main() -> None:
    stack = context.running_stack()
    if stack is None:
        sys.exit("no stack runs here: minuano up")
    with httpx.Client(base_url=stack.dashboard_url, timeout=120, trust_env=False) as client:
        _answers(client)
        _browser(stack.dashboard_url)
        _streams(client)


def _answers(client: httpx.Client) -> None:
    pages = {
        "the overview, a day": f"/?day={LAST}",
        "the overview, a year": f"/?day={LAST}&days=365",
    }
    for name, path in pages.items():
        _tell(name, _median_ms(partial(client.get, path)))
    asked = {**YEAR, "variables": "wind_speed", "points": "1200"}
    _tell(
        "a year of one variable in 1,200 points",
        _median_ms(partial(client.get, "/api/series", params=asked)),
    )


def _browser(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell") or shutil.which("chromium"),
            args=["--no-sandbox"],
        )
        for name, path in (("a day", f"/?day={LAST}"), ("a year", f"/?day={LAST}&days=365")):
            seen = [_opened(browser, url + path) for _ in range(TIMES)]
            _tell(f"{name}: page painted, a new browser each time", median(p for p, _ in seen))
            _tell(f"{name}: chart drawn", median(drawn for _, drawn in seen))
        browser.close()


def _opened(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds until something was painted, and until the chart stood."""
    tab = browser.new_context(viewport={"width": 1280, "height": 900})
    page = tab.new_page()
    page.add_init_script(WATCH)
    page.goto(url, wait_until="commit")
    painted, drawn = page.evaluate("Promise.all([painted, drawn])")
    tab.close()
    return painted, drawn


def _streams(client: httpx.Client) -> None:
    pid = _pid(client.base_url.port)
    for form in FORMS:
        for shape in ("long", "wide"):
            before, began, size = rss_mb(pid), time.perf_counter(), 0
            asked = {**YEAR, "format": form, "shape": shape}
            with _peak(pid) as peak, client.stream("GET", "/api/signals/data", params=asked) as got:
                for piece in got.raise_for_status().iter_raw():
                    size += len(piece)
            took = time.perf_counter() - began
            sys.stdout.write(
                f"a year of all signals, {shape} {form}: {took:.2f} s, {size / 1e6:.1f} MB; memory "
                f"{before:.0f} MB before, {max(peak):.0f} MB at most, {rss_mb(pid):.0f} MB after\n"
            )


@contextmanager
def _peak(pid: int) -> Iterator[list[float]]:
    seen, stop = [rss_mb(pid)], threading.Event()

    def watch() -> None:
        while not stop.wait(LOOK_EVERY_S):
            seen.append(rss_mb(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    stop.set()
    thread.join()


def _pid(port: int | None) -> int:
    """The dashboard's process: there may be several stacks."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is not ours
            told = (process / "environ").read_bytes().split(b"\0")
            is_one = b"services.dashboard" in (process / "cmdline").read_bytes()
            if is_one and f"MINUANO_PORT={port}".encode() in told:
                return int(process.name)
    sys.exit("no dashboard runs here")


def _median_ms(ask: Callable[[], httpx.Response]) -> float:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        ask().raise_for_status()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


def _tell(what: str, ms: float) -> None:
    sys.stdout.write(f"{what}: {ms:.0f} ms\n")


if __name__ == "__main__":
    main()
