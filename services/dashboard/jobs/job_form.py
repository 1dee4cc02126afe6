"""The form that asks for a job: what stands in it, and the request that it makes."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.dashboard.jobs.source_catalog import CatalogSnapshot
from shared.domain.job_request import DEFAULT_VARIABLES, MAX_ASSETS, MAX_VARIABLES, JobRequest
from shared.setting_types import split_names

MAX_CHARS = 20_000
Names = list[str]


class JobForm(BaseModel):
    """As it was sent, right or wrong: nothing that was typed is lost. `end` left out means one day;
    `more_…` are names, separated by commas, that nothing was offered for.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    start: str = Field("", max_length=MAX_CHARS)
    end: str = Field("", max_length=MAX_CHARS)
    variables: Names = Field(default_factory=list, max_length=MAX_VARIABLES)
    assets: Names = Field(default_factory=list, max_length=MAX_ASSETS)
    more_variables: str = Field("", max_length=MAX_CHARS)
    more_assets: str = Field("", max_length=MAX_CHARS)
    key: str = Field("", max_length=MAX_CHARS)

    @property
    def all_variables(self) -> Sequence[str]:
        """Ticked and typed, each once."""
        return list(dict.fromkeys([*self.variables, *split_names(self.more_variables)]))

    @property
    def all_assets(self) -> Sequence[str]:
        """Ticked and typed, each once; none means all."""
        return list(dict.fromkeys([*self.assets, *split_names(self.more_assets)]))


@dataclass(frozen=True, slots=True)
class ParsedForm:
    """The request, or what is wrong: by field a word of the template's, or the error's own text."""

    request: JobRequest | None
    errors: Mapping[str, str] = field(default_factory=dict)

    def idempotency_key(self, form: JobForm) -> str | None:
        """The same form sent twice asks once; changed since, it asks again."""
        if not form.key or self.request is None:
            return None
        both = f"{form.key} {self.request.model_dump_json()}"
        return hashlib.sha256(both.encode()).hexdigest()


def fresh_key() -> str:
    """What tells one form from all others."""
    return secrets.token_hex(16)


def defaults(offer: CatalogSnapshot, zone: ZoneInfo, today: date) -> JobForm:
    """The newest day of the zone that the source has, of the usual variables."""
    newest = offer.newest.astimezone(zone).date() if offer.newest else today
    usual = [name for name in DEFAULT_VARIABLES if not offer.variables or name in offer.variables]
    return JobForm(start=newest.isoformat(), variables=usual or list(offer.variables[:1]))


def parse(form: JobForm) -> ParsedForm:
    """What the form asks for."""
    wrong = {}
    if not form.start:
        wrong["start"] = "no_day"
    if not form.all_variables:
        wrong["variables"] = "no_variable"
    if form.end and form.start and form.end < form.start:
        wrong["end"] = "backwards"
    if wrong:
        return ParsedForm(None, wrong)
    return _made(form)


def _made(form: JobForm) -> ParsedForm:
    one_day = form.end in ("", form.start)
    when = {"date": form.start} if one_day else {"start": form.start, "end": form.end}
    given = {**when, "variables": form.all_variables, "assets": form.all_assets}
    try:
        return ParsedForm(JobRequest.model_validate(given))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        told = {_field(e["loc"]): e["msg"].removeprefix("Value error, ") for e in found}
        return ParsedForm(None, told)


def _field(where: tuple[int | str, ...]) -> str:
    name = str(where[0]) if where else "end"  # what only both days together can be
    return "start" if name == "date" else name
