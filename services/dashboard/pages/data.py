"""The data: a table of any selection, and the same to take away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Literal, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from services.dashboard.dependencies import Deps
from services.dashboard.queries import assets
from services.dashboard.queries.date_range import FIRST, LAST, DateRange
from services.dashboard.queries.window_table import Column, columns, window_table
from shared.domain.job_request import MAX_ASSETS

MAX_ROWS = 1_440
_DAY = timedelta(days=1)
FORMATS = ("parquet", "csv", "arrow", "json")

router = APIRouter(include_in_schema=False)


class DataQuery(BaseModel):
    """What to show: whole days of the site, both included; the latest day if left out."""

    start: date | None = Field(None, ge=FIRST, le=LAST)
    end: date | None = Field(None, ge=FIRST, le=LAST)
    variables: list[str] = Field(default_factory=list, max_length=100)
    assets: list[str] = Field(default_factory=list, max_length=MAX_ASSETS)
    shape: Literal["wide", "long"] = "wide"
    page: int = Field(1, ge=1, le=10**9)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start and self.end and self.end < self.start:
            raise ValueError(f"the last day, {self.end}, is before the first, {self.start}")
        if any("\x00" in name for name in (*self.variables, *self.assets)):
            raise ValueError("no name has a NUL in it")
        return self


@dataclass(frozen=True, slots=True)
class Selection:
    """The days and names that a query comes down to; a page is one asset's day."""

    first: date
    last: date
    assets: tuple[str, ...]
    variables: tuple[str, ...]
    shape: str
    zone: ZoneInfo
    named: tuple[str, ...]
    """The assets of an address: none where all are meant."""

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def pages(self) -> int:
        return len(self.assets) * self.days

    def page(self, number: int) -> tuple[str, DateRange]:
        """The asset and the day of a page, counted from 1."""
        asset, day = divmod(number - 1, self.days)
        return self.assets[asset], DateRange(self.first + day * _DAY, 1, self.zone)

    def address(self, page: int) -> str:
        """Where this selection's page is."""
        return "/data?" + urlencode(
            {"start": self.first, "end": self.last, "variables": self.variables,
             "assets": self.named, "shape": self.shape, "page": page},
            doseq=True,
        )  # fmt: skip

    def download(self, form: str) -> str:
        """Where the API has all of it."""
        given = {
            "start": self.first, "end": self.last + _DAY, "variable": self.variables,
            "asset": self.named, "shape": self.shape, "format": form,
        }  # fmt: skip
        return "/api/signals/data?" + urlencode(given, doseq=True)


@router.get("/data")
def data(request: Request, deps: Deps, query: Annotated[DataQuery, Query()]) -> Response:
    """The page; of an empty target, how to begin."""
    window_s = deps.settings.window_s
    zone = ZoneInfo(deps.settings.source_timezone)
    loaded = assets.latest_by_asset(deps.target, window_s)
    known = columns(deps.target, window_s)
    if not loaded:
        return deps.templates.page(request, "data.html", loaded=loaded)
    names = [each.asset for each in loaded]
    latest = max(each.day(zone) for each in loaded)
    selection = _selection(query, names, [variable for variable, _ in known], latest, zone)
    page = min(query.page, selection.pages)
    asset, day = selection.page(page)
    shown = [column for column in known if column[0] in selection.variables]
    table = window_table(
        deps.target, asset, day.start, day.end, shown, window_s=window_s, limit=MAX_ROWS
    )
    return deps.templates.page(
        request, "data.html", loaded=loaded, names=names, selection=selection, page=page,
        asset=asset, day=day.last, table=table, groups=_groups(shown), formats=FORMATS,
        variables=sorted({variable for variable, _ in known}), max_rows=MAX_ROWS,
        units=assets.units(deps.target, window_s, asset), base=str(request.base_url).rstrip("/"),
        is_cut=(day.end - day.start) > timedelta(seconds=MAX_ROWS * window_s),
        needs_key=deps.sessions.needed,
    )  # fmt: skip


def _selection(
    query: DataQuery,
    names: Sequence[str],
    variables: Sequence[str],
    latest: date,
    zone: ZoneInfo,
) -> Selection:
    """What is asked for and there; unknown names are left out, and none means all."""
    first = query.start or query.end or latest
    named = tuple(name for name in names if name in query.assets)
    return Selection(
        first,
        query.end or max(first, latest),
        named or tuple(names),
        tuple(sorted({v for v in variables if v in query.variables} or set(variables))),
        query.shape,
        zone,
        named=() if len(named) == len(names) else named,
    )


def _groups(shown: Sequence[Column]) -> list[tuple[str, int]]:
    """Each variable, and how many columns it has."""
    return [(name, len(list(each))) for name, each in groupby(shown, key=lambda column: column[0])]
