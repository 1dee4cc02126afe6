"""The overview: the wind and the power of an asset, and which days there are of all of them."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from itertools import groupby
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.dashboard.api.charts import DEFAULT_POINTS
from services.dashboard.dependencies import Dependencies, Deps
from services.dashboard.queries import assets
from services.dashboard.queries.assets import AssetLatest
from services.dashboard.queries.coverage import DayCoverage, coverage
from services.dashboard.queries.date_range import FIRST, LAST, LENGTHS, DateRange
from services.dashboard.queries.key_figures import AssetRange, KeyFigures, key_figures
from shared.domain.job_request import MAX_ASSET_CHARS

HEAT_DAYS = 42
DAY_S = 86_400
CURVE_DAYS = 30
"""A power curve needs more than a day."""
MAX_ASSETS_SHOWN = 50

router = APIRouter(include_in_schema=False)


class OverviewQuery(BaseModel):
    """What to show; the latest day of the first asset if left out."""

    asset: str | None = Field(None, max_length=MAX_ASSET_CHARS, pattern=r"^[^\x00]*$")
    day: date | None = Field(None, ge=FIRST, le=LAST)
    days: Literal["1", "7", "30", "365"] = "1"
    until: date | None = Field(None, ge=FIRST, le=LAST)


@router.get("/")
def overview(request: Request, deps: Deps, query: Annotated[OverviewQuery, Query()]) -> Response:
    """The page; of an empty target, how to begin."""
    zone = ZoneInfo(deps.settings.source_timezone)
    loaded = assets.latest_by_asset(deps.target, deps.settings.window_s)
    chosen = _chosen(loaded, query.asset)
    latest = max((each.day(zone) for each in loaded), default=None)
    day = query.day or (chosen and chosen.day(zone)) or latest or datetime.now(zone).date()
    period = DateRange(day, int(query.days), zone)
    heat = DateRange(query.until or max(latest or day, day), HEAT_DAYS, zone)
    asset = chosen.asset if chosen else query.asset or ""
    units = assets.units(deps.target, deps.settings.window_s, asset)
    stretch = AssetRange(asset, period.start, period.end)
    [mine] = key_figures(deps.target, [stretch], deps.settings)
    return deps.templates.page(
        request, "overview.html", asset=asset, loaded=loaded, period=period, lengths=LENGTHS,
        units=units, settings=deps.settings, figures=mine, curve=period.at_least(CURVE_DAYS),
        fleet=_fleet(deps, loaded, zone), heat=heat, months=_months(heat),
        cells=_cells(deps, heat), level=partial(_level, deps.settings.window_s),
        address=_address, points=DEFAULT_POINTS, most=MAX_ASSETS_SHOWN,
    )  # fmt: skip


def _chosen(loaded: Sequence[AssetLatest], asset: str | None) -> AssetLatest | None:
    if asset is None:
        return loaded[0] if loaded else None
    return next((each for each in loaded if each.asset == asset), None)


def _fleet(
    deps: Dependencies, loaded: Sequence[AssetLatest], zone: ZoneInfo
) -> list[tuple[str, date, KeyFigures]]:
    """Each asset's latest day; one asset alone needs no list."""
    if len(loaded) == 1:
        return []
    latest = [
        (each.asset, DateRange(each.day(zone), 1, zone)) for each in loaded[:MAX_ASSETS_SHOWN]
    ]
    stretches = [AssetRange(asset, day.start, day.end) for asset, day in latest]
    found = key_figures(deps.target, stretches, deps.settings)
    return [(asset, day.last, each) for (asset, day), each in zip(latest, found, strict=True)]


def _months(heat: DateRange) -> list[tuple[str, int]]:
    """The months of the map and how many days it has of each."""
    return [(month, len(list(days))) for month, days in groupby(f"{day:%Y-%m}" for day in heat)]


def _cells(deps: Dependencies, heat: DateRange) -> list[tuple[str, list[DayCoverage]]]:
    cells = coverage(deps.target, heat.first, heat.last, heat.zone, window_s=deps.settings.window_s)
    return [(asset, list(days)) for asset, days in groupby(cells, key=lambda cell: cell.asset)]


def _level(window_s: int, cell: DayCoverage) -> int:
    """Of an incomplete day how many tenths of it there are: of its windows, or of their samples
    where those are fewer. Never all ten.
    """
    share = min(cell.coverage or 0.0, cell.windows * window_s / DAY_S)
    return min(9, int(10 * share))


def _address(path: str, **values: Any) -> str:
    """A link with these parameters; those that are None are left out."""
    given = {name: value for name, value in values.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path
