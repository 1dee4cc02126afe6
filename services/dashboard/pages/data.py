"""The data page: statistics of selected turbines and variables as a table, and as a download."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from services.dashboard.dependencies import Deps
from services.dashboard.queries import assets
from services.dashboard.queries.local_days import FIRST, LAST
from services.dashboard.queries.window_table import Column, columns, window_rows
from shared.domain.job_request import MAX_ASSETS
from shared.domain.local_time import day_range
from shared.domain.time_range import ONE_DAY, DateRange

MAX_ROWS = 1_440
FORMATS = ("parquet", "csv", "arrow", "json")

router = APIRouter(include_in_schema=False)


class DataPageQuery(BaseModel):
    """Local days, both included, and names. By default the latest day, and all names."""

    start: date | None = Field(None, ge=FIRST, le=LAST)
    end: date | None = Field(None, ge=FIRST, le=LAST)
    variables: list[str] = Field(default_factory=list, max_length=100)
    assets: list[str] = Field(default_factory=list, max_length=MAX_ASSETS)
    shape: Literal["wide", "long"] = "wide"
    page: int = Field(1, ge=1, le=10**9)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.start and self.end and self.end < self.start:
            raise ValueError(f"the last day {self.end} is before the first day {self.start}")
        if any("\x00" in name for name in (*self.variables, *self.assets)):
            raise ValueError("names must not contain NUL")
        return self


@dataclass(frozen=True, slots=True)
class DataSelection:
    """The days and names of a query. A page of the table shows one day of one turbine."""

    days: DateRange
    assets: tuple[str, ...]
    variables: tuple[str, ...]
    shape: str
    url_assets: tuple[str, ...]
    """The turbines in URLs; empty if all are selected."""

    @property
    def pages(self) -> int:
        return len(self.assets) * len(self.days)

    def page(self, number: int) -> tuple[str, date]:
        """The turbine and the day of a page; the first page is 1."""
        asset, day = divmod(number - 1, len(self.days))
        return self.assets[asset], self.days.first + day * ONE_DAY

    def page_url(self, page: int) -> str:
        """The URL of a page of this selection."""
        return "/data?" + urlencode(
            {"start": self.days.first, "end": self.days.last, "variables": self.variables,
             "assets": self.url_assets, "shape": self.shape, "page": page},
            doseq=True,
        )  # fmt: skip

    def download_url(self, format: str) -> str:
        """The URL of the API for the whole selection."""
        return "/api/signals/data?" + urlencode(
            {"start": self.days.first, "end": self.days.last + ONE_DAY,
             "variables": self.variables, "asset": self.url_assets, "shape": self.shape,
             "format": format},
            doseq=True,
        )  # fmt: skip


@router.get("/data")
def data(request: Request, deps: Deps, query: Annotated[DataPageQuery, Query()]) -> Response:
    """The page. While nothing is loaded it explains how to start."""
    window_s, zone = deps.settings.window_s, deps.settings.zone
    latest_days = assets.latest_days(deps.target, window_s, zone)
    names = list(latest_days)
    if not names:
        return deps.templates.page(request, "data.html", names=names)
    all_columns = columns(deps.target, window_s)
    variables = sorted({variable for variable, _ in all_columns})
    selection = _select(query, names, variables, max(latest_days.values()))
    page = min(query.page, selection.pages)
    asset, day = selection.page(page)
    shown = [column for column in all_columns if column[0] in selection.variables]
    return deps.templates.page(
        request, "data.html", names=names, selection=selection, page=page,
        asset=asset, day=day, groups=Counter(variable for variable, _ in shown),
        formats=FORMATS, variables=variables,
        units=assets.units(deps.target, window_s, asset), needs_key=deps.sessions.needed,
        base_url=str(request.base_url).rstrip("/"),
        **_table(deps, asset, day, shown),
    )  # fmt: skip


def _table(deps: Deps, asset: str, day: date, shown: Sequence[Column]) -> dict[str, Any]:
    """The windows of one day of a turbine, and whether they are more than the table shows."""
    time_range = day_range(day, deps.settings.zone)
    window_s = deps.settings.window_s
    rows = window_rows(deps.target, asset, time_range, shown, window_s=window_s, limit=MAX_ROWS)
    is_cut = time_range.end - time_range.start > timedelta(seconds=MAX_ROWS * window_s)
    return {"columns": shown, "rows": rows, "is_cut": is_cut, "max_rows": MAX_ROWS}


def _select(
    query: DataPageQuery, names: Sequence[str], variables: Sequence[str], latest: date
) -> DataSelection:
    """The loaded turbines and variables that the query names, or all if it names none of them."""
    first = query.start or query.end or latest
    selected = tuple(name for name in names if name in query.assets)
    return DataSelection(
        DateRange(first, query.end or max(first, latest)),
        assets=selected or tuple(names),
        variables=tuple(v for v in variables if v in query.variables) or tuple(variables),
        shape=query.shape,
        url_assets=() if len(selected) == len(names) else selected,
    )
