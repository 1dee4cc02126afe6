"""The form that requests a job, and the request that it makes."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, ValidationError

from services.dashboard.jobs.source_catalog import CatalogSnapshot
from shared.domain.job_request import (
    ALL_VARIABLES,
    MAX_ASSETS,
    MAX_VARIABLES,
    JobRequest,
    Only,
)
from shared.setting_types import split_names

MAX_CHARS = 20_000


class JobForm(BaseModel):
    """The form as it was sent, valid or not: what a person typed is not lost. Without `end` it
    requests one day. `more_…` are further names, separated by commas.
    """

    start: str = Field("", max_length=MAX_CHARS)
    end: str = Field("", max_length=MAX_CHARS)
    variables: list[str] = Field(default_factory=list, max_length=MAX_VARIABLES)
    assets: list[str] = Field(default_factory=list, max_length=MAX_ASSETS)
    more_variables: str = Field("", max_length=MAX_CHARS)
    more_assets: str = Field("", max_length=MAX_CHARS)
    only: Only | Literal[""] = ""
    key: str = Field("", max_length=MAX_CHARS)

    @property
    def all_variables(self) -> Sequence[str]:
        """Ticked and typed variables, each once."""
        return list(dict.fromkeys([*self.variables, *split_names(self.more_variables)]))

    @property
    def all_assets(self) -> Sequence[str]:
        """Ticked and typed assets, each once; no asset means all."""
        return list(dict.fromkeys([*self.assets, *split_names(self.more_assets)]))


def defaults(
    catalog: CatalogSnapshot, zone: ZoneInfo, today: date, *, variables: Sequence[str]
) -> JobForm:
    """The form with the newest local day of the source and those of the variables that it has."""
    day = catalog.newest.astimezone(zone).date() if catalog.newest else today
    known = catalog.variables
    if tuple(variables) == ALL_VARIABLES:
        variables = known[:MAX_VARIABLES]
    variables = [name for name in variables if not known or name in known]
    return JobForm(start=day.isoformat(), variables=variables or list(known[:1]))


def parse(form: JobForm) -> tuple[JobRequest | None, Mapping[str, str]]:
    """The request, or an error for each invalid field: a word that the template translates, or the
    text of the validation.
    """
    errors = {}
    if not form.start:
        errors["start"] = "no_day"
    if not form.all_variables:
        errors["variables"] = "no_variable"
    if form.end and form.start and form.end < form.start:
        errors["end"] = "backwards"
    if errors:
        return None, errors
    one_day = form.end in ("", form.start)
    dates = {"date": form.start} if one_day else {"start": form.start, "end": form.end}
    names = {"variables": form.all_variables, "assets": form.all_assets}
    try:
        return JobRequest.model_validate({**dates, **names, "only": form.only or None}), {}
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, {_field(e["loc"]): e["msg"].removeprefix("Value error, ") for e in details}


def idempotency_key(form: JobForm, request: JobRequest) -> str | None:
    """The same form sent twice requests one job; a form that was changed requests another."""
    both = f"{form.key} {request.model_dump_json()}"
    return hashlib.sha256(both.encode()).hexdigest() if form.key else None


def _field(location: tuple[int | str, ...]) -> str:
    """The field of the form; an error without a location is about both dates."""
    name = str(location[0]) if location else "end"
    return "start" if name == "date" else name
