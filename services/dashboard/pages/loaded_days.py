"""The map of loaded days on the overview: a row of links for each turbine.

A farm's map has thousands of cells, so their HTML is made here and not in the template.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from urllib.parse import urlencode

from markupsafe import Markup

from services.dashboard.queries.coverage import DayCoverage
from services.dashboard.web.i18n import Translator
from shared.domain.time_range import DateRange

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDays:
    """The coverage of the first of `turbines` turbines, in rows of as many days. The page shows one
    turbine on some days; their cells are marked.
    """

    rows: Mapping[str, Sequence[DayCoverage]]
    turbines: int
    window_s: int
    shown: str
    shown_days: DateRange

    def cells(self, t: Translator) -> Iterator[tuple[str, Markup]]:
        """Each turbine, and the cells of its row."""

        @cache
        def describe(state: str, coverage: float | None, job_state: str | None) -> str:
            return escape(_describe(t, state, coverage, job_state))

        for turbine, days in self.rows.items():
            url = escape(f"/?{urlencode({'asset': turbine})}&day=")
            name = escape(turbine or t("the turbine"))
            cells = []
            for day in days:
                date = str(day.day)
                label = f"{name}, {date}: {describe(day.state, day.coverage, day.job_state)}"
                cells.append(
                    f'<td><a href="{url}{date}&amp;days=1" class="{self._classes(turbine, day)}"'
                    f' aria-label="{label}" title="{label}">'
                    f"{'!' if day.job_state == 'failed' else ''}</a></td>"
                )
            yield turbine, Markup("\n".join(cells))  # noqa: S704 - every text is escaped

    def _classes(self, turbine: str, cell: DayCoverage) -> str:
        classes: str = cell.state
        if cell.state == "partial":
            classes += f" tenths-{_tenths(self.window_s, cell)}"
        if cell.job_state == "failed":
            classes += " failed"
        if turbine == self.shown and self.shown_days.first <= cell.day <= self.shown_days.last:
            classes += " shown"
        return classes


def percent(t: Translator, share: float) -> str:
    """100 only if nothing is missing."""
    return t.number(min(share * 100, 99.9) if share < 1 else 100, 1 if 1 > share > 0.99 else 0)


def _describe(t: Translator, state: str, coverage: float | None, job_state: str | None) -> str:
    """What a cell of the map shows, for screen readers."""
    texts = {"none": t("no data"), "partial": t("incomplete"), "complete": t("complete")}
    parts = [texts[state]]
    if coverage is not None:
        parts.append(f"{percent(t, coverage)} %")
    if job_state == "failed":
        parts.append(t("last job failed"))
    return ", ".join(parts)


def _tenths(window_s: int, cell: DayCoverage) -> int:
    """How many tenths of an incomplete day are loaded, from 0 to 9: the share of its windows or of
    their samples, whichever is smaller.
    """
    share = min(cell.coverage or 0.0, cell.windows * window_s / DAY_S)
    return min(9, int(10 * share))
