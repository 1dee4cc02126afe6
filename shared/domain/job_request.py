"""A job request, posted to the HTTP API or added with `redis-cli XADD`."""

import re
from collections.abc import Mapping, Sequence
from datetime import date as Date  # noqa: N812 - `date` is the name of a field
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from shared.errors import InvalidInput

MAX_DAYS = 3_660
MAX_VARIABLES = 100
MAX_ASSETS = 1_000
MAX_ASSET_CHARS = 200
FIRST_DAY, LAST_DAY = Date(1900, 1, 1), Date(2999, 12, 31)
UNIQUE_ITEMS: dict[str, Any] = {"uniqueItems": True}
DATE_OR_RANGE = ("date", "start", "end")
ALL_VARIABLES = ("*",)
"""Stands for all variables of the source."""


def _calendar_date(value: Any) -> Date:
    if isinstance(value, Date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("a date is written YYYY-MM-DD")
    try:
        day = Date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value} is not in the calendar") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"a date must be between {FIRST_DAY} and {LAST_DAY}")
    return day


CalendarDate = Annotated[
    Date,
    BeforeValidator(_calendar_date, json_schema_input_type=Date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^(19|2[0-9])[0-9]{2}-"}),
]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^,\x00-\x1f]+$")]
AssetName = Annotated[
    str, Field(min_length=1, max_length=MAX_ASSET_CHARS, pattern=r"^[^\x00-\x1f]+$")
]


Only = Literal["changed"]


def _only(*names: str) -> dict[str, Any]:
    """The JSON schema of a request that has these dates and no others."""
    types = {name: {"type": "string" if name in names else "null"} for name in DATE_OR_RANGE}
    return {"required": list(names), "properties": types}


def require_alone(variables: Sequence[str]) -> None:
    """ValueError if `*` is not the only name."""
    if "*" in variables and tuple(variables) != ALL_VARIABLES:
        raise ValueError("`*` stands for all variables: name no others with it")


class JobRequest(BaseModel):
    """One `date`, or `start` and `end` (dates, both included). No assets means all assets."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"date": "2025-12-05"}, {"start": "2025-12-01", "end": "2025-12-10"}],
            "oneOf": [_only("date"), _only("start", "end")],
        },
    )

    date: CalendarDate | None = None
    start: CalendarDate | None = None
    end: CalendarDate | None = None
    variables: tuple[Name, ...] = Field(
        default_factory=tuple,
        min_length=1,
        max_length=MAX_VARIABLES,
        json_schema_extra=UNIQUE_ITEMS,
        description="By default those of MINUANO_VARIABLES; `*` stands for all of the source",
    )
    assets: tuple[AssetName, ...] = Field((), max_length=MAX_ASSETS, json_schema_extra=UNIQUE_ITEMS)
    only: Only | None = Field(
        None,
        description="`changed`: do not compute slices of which neither the samples nor the windows "
        "in the target have changed since they were loaded",
    )

    @model_validator(mode="after")
    def _require_date_or_range(self) -> Self:
        by_range = self.start is not None and self.end is not None
        if (self.date is not None) == by_range or (self.start is None) != (self.end is None):
            raise ValueError("give either `date`, or both `start` and `end`")
        if self.last < self.first:
            raise ValueError("`end` is before `start`")
        if (self.last - self.first).days >= MAX_DAYS:
            raise ValueError(f"{MAX_DAYS} days are allowed in one job")
        for field in ("variables", "assets"):
            names = getattr(self, field)
            if len(set(names)) < len(names):
                raise ValueError(f"`{field}` has one name twice")
        require_alone(self.variables)
        return self

    @property
    def first(self) -> Date:
        return self.date or self.start or Date.min

    @property
    def last(self) -> Date:
        return self.date or self.end or Date.min

    @classmethod
    def from_fields(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Read a request from the fields of a stream entry; raises `InvalidInput`."""
        try:
            values: dict[str, Any] = {k.decode(): v.decode() for k, v in fields.items()}
        except UnicodeDecodeError:
            raise InvalidInput("schema", "the fields of a job must be UTF-8 text") from None
        for name in ("variables", "assets"):
            if name in values:
                values[name] = [item.strip() for item in values[name].split(",")]
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidInput("schema", _error_sentence(error)) from None


def _error_sentence(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'job'}: {e['msg'].removeprefix('Value error, ')}"
        for e in error.errors(include_url=False)
    )
