"""The overview: charts and key figures of one turbine, and the loaded days of all turbines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.dashboard.api.charts import DEFAULT_POINTS
from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.queries import assets
from services.dashboard.queries.coverage import DayCoverage, coverage, known_assets
from services.dashboard.queries.key_figures import KeyFigures, key_figures
from services.dashboard.queries.local_days import FIRST, LAST, LENGTHS, LocalDays
from services.dashboard.web.i18n import Translator
from shared.domain.job_request import MAX_ASSET_CHARS
from shared.domain.local_time import day_range

COVERAGE_DAYS = 42
DAY_S = 86_400
MIN_CURVE_DAYS = 30
"""One day has too few windows for a power curve."""
MAX_ASSETS_SHOWN = 50

router = APIRouter(include_in_schema=False)


class OverviewQuery(BaseModel):
    """The turbine and the days to show; by default the latest day of the first turbine."""

    asset: str | None = Field(None, max_length=MAX_ASSET_CHARS, pattern=r"^[^\x00]*$")
    day: date | None = Field(None, ge=FIRST, le=LAST)
    days: Literal["1", "7", "30", "365"] = "1"
    until: date | None = Field(None, ge=FIRST, le=LAST)


@router.get("/")
def overview(request: Request, deps: Deps, query: Annotated[OverviewQuery, Query()]) -> Response:
    """The page. While nothing is loaded it explains how to start."""
    settings, zone = deps.settings, deps.settings.zone
    names = assets.names(deps.target, settings.window_s)
    asset = (names or [""])[0] if query.asset is None else query.asset
    shown = names[:MAX_ASSETS_SHOWN]
    latest_days = assets.latest_days(deps.target, settings.window_s, zone, [*shown, asset])
    loaded_day = assets.latest_loaded_day(deps.target, settings.window_s, zone)
    latest = max([*latest_days.values(), *filter(None, [loaded_day])], default=None)
    day = query.day or latest_days.get(asset) or latest or datetime.now(zone).date()
    period = LocalDays.ending(day, int(query.days), zone)
    last = query.until or max(latest or day, day)
    coverage_days = LocalDays.ending(last, COVERAGE_DAYS, zone)
    known = known_assets(deps.target, coverage_days)
    loaded_days = coverage(
        deps.target, coverage_days, window_s=settings.window_s, assets=known[:MAX_ASSETS_SHOWN]
    )
    figures = key_figures(deps.target, {asset: period.time_range}, settings)[asset]
    return deps.templates.page(
        request, "overview.html", asset=asset, loaded=names, lengths=LENGTHS,
        period=period, curve=LocalDays.ending(day, max(MIN_CURVE_DAYS, len(period)), zone),
        units=assets.units(deps.target, settings.window_s, asset), settings=settings,
        figures=figures, fleet=_fleet(deps, shown, latest_days),
        coverage_days=coverage_days, months=Counter(f"{day:%Y-%m}" for day in coverage_days),
        coverage_rows=list(loaded_days.items()), coverage_assets=len(known),
        tenths=partial(_tenths, settings.window_s), label=_label, percent=_percent, url=_url,
        points=DEFAULT_POINTS,
        max_turbines=MAX_ASSETS_SHOWN,
    )  # fmt: skip


def _fleet(
    deps: Dependencies, turbines: Sequence[str], latest_days: Mapping[str, date]
) -> list[tuple[str, date, KeyFigures]]:
    """The key figures of each turbine on its latest day; empty for a single turbine."""
    if len(turbines) == 1:
        return []
    ranges = {
        turbine: day_range(latest_days[turbine], deps.settings.zone)
        for turbine in turbines
        if turbine in latest_days
    }
    figures = key_figures(deps.target, ranges, deps.settings)
    return [(turbine, latest_days[turbine], figures[turbine]) for turbine in ranges]


def _label(t: Translator, turbine: str, cell: DayCoverage) -> str:
    """What a cell of the map shows, for screen readers."""
    texts = {"none": t("no data"), "partial": t("incomplete"), "complete": t("complete")}
    parts = [texts[cell.state]]
    if cell.coverage is not None:
        parts.append(f"{_percent(t, cell.coverage)} %")
    if cell.job_state == "failed":
        parts.append(t("last job failed"))
    return f"{turbine or t('the turbine')}, {cell.day}: {', '.join(parts)}"


def _percent(t: Translator, share: float) -> str:
    """100 only if nothing is missing."""
    return t.number(min(share * 100, 99.9) if share < 1 else 100, 1 if 1 > share > 0.99 else 0)


def _tenths(window_s: int, cell: DayCoverage) -> int:
    """How many tenths of an incomplete day are loaded, from 0 to 9: the share of its windows or of
    their samples, whichever is smaller.
    """
    share = min(cell.coverage or 0.0, cell.windows * window_s / DAY_S)
    return min(9, int(10 * share))


def _url(path: str, **params: Any) -> str:
    """A link with these parameters; None leaves a parameter out."""
    query = urlencode({name: value for name, value in params.items() if value is not None})
    return f"{path}?{query}" if query else path
