"""The overview: charts and key figures of one turbine, and the loaded days of all turbines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.dashboard.api.charts import DEFAULT_POINTS
from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.pages.loaded_days import LoadedDays, percent
from services.dashboard.queries import assets
from services.dashboard.queries.coverage import coverage, known_assets
from services.dashboard.queries.key_figures import KeyFigures, key_figures
from services.dashboard.queries.local_days import FIRST, LAST, LENGTHS, LocalDays
from shared.domain.job_request import MAX_ASSET_CHARS
from shared.domain.local_time import day_range

COVERAGE_DAYS = 42
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
    shown = assets.names(deps.target, settings.window_s, most=MAX_ASSETS_SHOWN)
    asset = (shown or [""])[0] if query.asset is None else query.asset
    latest_days = assets.latest_days(deps.target, settings.window_s, zone, [*shown, asset])
    loaded_day = assets.latest_loaded_day(deps.target, settings.window_s, zone)
    latest = max([*latest_days.values(), *filter(None, [loaded_day])], default=None)
    day = query.day or latest_days.get(asset) or latest or datetime.now(zone).date()
    period = LocalDays.ending(day, int(query.days), zone)
    last = query.until or max(latest or day, day)
    coverage_days = LocalDays.ending(last, COVERAGE_DAYS, zone)
    with ThreadPoolExecutor(max_workers=1) as beside:  # the map takes as long as the rest
        loaded_days = beside.submit(_loaded_days, deps, coverage_days, asset, period)
        figures = key_figures(deps.target, {asset: period.time_range}, settings)[asset]
        fleet = _fleet(deps, shown, latest_days)
        units = assets.units(deps.target, settings.window_s, asset)
        names = assets.names(deps.target, settings.window_s)
    return deps.templates.page(
        request, "overview.html", asset=asset, loaded=names, lengths=LENGTHS,
        period=period, curve=LocalDays.ending(day, max(MIN_CURVE_DAYS, len(period)), zone),
        units=units, settings=settings, figures=figures, fleet=fleet,
        coverage_days=coverage_days, months=Counter(f"{day:%Y-%m}" for day in coverage_days),
        loaded_days=loaded_days.result(), percent=percent, url=_url, points=DEFAULT_POINTS,
        max_turbines=MAX_ASSETS_SHOWN,
    )  # fmt: skip


def _loaded_days(deps: Dependencies, days: LocalDays, asset: str, period: LocalDays) -> LoadedDays:
    """The map of these days, in which the period of the asset is marked."""
    known, window_s = known_assets(deps.target, days), deps.settings.window_s
    rows = coverage(deps.target, days, window_s=window_s, assets=known[:MAX_ASSETS_SHOWN])
    return LoadedDays(
        rows=rows, turbines=len(known), window_s=window_s, shown=asset, shown_days=period
    )


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


def _url(path: str, **params: Any) -> str:
    """A link with these parameters; None leaves a parameter out."""
    query = urlencode({name: value for name, value in params.items() if value is not None})
    return f"{path}?{query}" if query else path
