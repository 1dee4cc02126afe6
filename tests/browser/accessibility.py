"""Accessibility checks of a page with axe-core."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
SEVERE = ("serious", "critical")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


def severe_violations(page: Page) -> list[str]:
    """The serious and critical violations, one line per element.

    The script is injected over the debugger protocol, because the policy of the page blocks it.
    """
    page.evaluate(AXE.read_text())
    result: Any = page.evaluate(_RUN, list(RULES))
    return [
        f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in result["violations"]
        if rule["impact"] in SEVERE
        for node in rule["nodes"]
    ]


def overflows(page: Page) -> bool:
    """Whether the whole page scrolls horizontally."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
