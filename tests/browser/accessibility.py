"""axe-core over a page as it stands: what would keep people from using it."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe-4.14.1.min.js"
GRAVE = ("serious", "critical")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


def grave_findings(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical, a line for each element; best none.

    The script comes by the debugger's protocol: the page's own policy would not let it in.
    """
    page.evaluate(AXE.read_text())
    found: Any = page.evaluate(_RUN, list(RULES))
    return [
        f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def overflows(page: Page) -> bool:
    """Whether the page as a whole can be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
