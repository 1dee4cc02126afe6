"""What the services' queries have in common: instants, lists of names, and no other parameters."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Request
from pydantic import BeforeValidator, WithJsonSchema

from shared.domain import local_time
from shared.http.problem_details import invalid_parameter

LISTED = r"^\s*[^\s,][^,]*(,\s*[^\s,][^,]*)*$"
"""Names separated by commas; none of them is blank."""

# For the document only: what does not fit is refused with more words than a pattern has.
Instant = Annotated[str, WithJsonSchema({"type": "string", "pattern": local_time.INSTANT_PATTERN})]
Listed = Annotated[str, WithJsonSchema({"type": "string", "pattern": LISTED})]


def _no_text(value: Any) -> Any:
    """A number stays one; pydantic would read it from text, which no JSON schema says."""
    if isinstance(value, str | bool):
        raise ValueError("a number is wanted")  # noqa: TRY004 - pydantic knows this one
    return value


Whole = Annotated[int, BeforeValidator(_no_text)]
"""A whole number in a body: 8 and 8.0, but not "8"."""


def allow_only(*single: str, several: Sequence[str] = ()) -> Callable[[Request], None]:
    """A dependency that refuses parameters the endpoint does not have, or has only once."""
    allowed = ", ".join([*single, *several]) or "none"

    def check(request: Request) -> None:
        given = request.query_params
        for name in given:
            if name not in (*single, *several):
                raise invalid_parameter(name, f"no such parameter here; there are: {allowed}")
            if name in single and len(given.getlist(name)) > 1:
                raise invalid_parameter(name, "given twice")

    return check


def instant(field: str, text: str, zone: ZoneInfo) -> datetime:
    """The parameter `field` in UTC, as `clocks.instant` reads it; else a 422 that names it."""
    try:
        return local_time.parse_instant(text, zone)
    except ValueError as error:
        raise invalid_parameter(field, str(error)) from None


def parse_list(given: Sequence[str]) -> list[str]:
    """The names in lists that are separated by commas; ValueError where one is empty."""
    found = [name.strip() for part in given for name in part.split(",")]
    if "" in found:
        raise ValueError("a name is empty; leave the parameter out to mean all")
    return found


def require_unique(given: list[str]) -> list[str]:
    """The names; ValueError where one of them is there twice."""
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)}: named twice")
    return given
