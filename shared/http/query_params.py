"""Query parameters: timestamps, lists of names, and the refusal of unknown parameters."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Request
from pydantic import BeforeValidator, WithJsonSchema

from shared.domain import local_time
from shared.errors import InvalidParameter

LISTED = r"^\s*[^\s,][^,]*(,\s*[^\s,][^,]*)*$"
"""Names separated by commas; no name is blank."""
MAX_NAMES = 1_000
"""In one parameter of a request."""

# Only for the OpenAPI document: the error messages below say more than a pattern can.
Instant = Annotated[str, WithJsonSchema({"type": "string", "pattern": local_time.INSTANT_PATTERN})]
Listed = Annotated[str, WithJsonSchema({"type": "string", "pattern": LISTED})]


def _require_number(value: Any) -> Any:
    """The value unless it is text; pydantic would convert "8", which the JSON schema forbids."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports a ValueError
    return value


Whole = Annotated[int, BeforeValidator(_require_number)]
"""A whole number in a body: 8 and 8.0, but not "8"."""


def allow_only(*single: str, several: Sequence[str] = ()) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses unknown parameters, and repeated ones of `single`."""
    allowed = ", ".join([*single, *several]) or "none"

    async def check(request: Request) -> None:
        params = request.query_params
        for name in params:
            if name not in (*single, *several):
                raise InvalidParameter(name, f"unknown parameter; allowed: {allowed}")
            if name in single and len(params.getlist(name)) > 1:
                raise InvalidParameter(name, "given twice; it may be given once")

    return check


def instant(field: str, text: str, zone: ZoneInfo) -> datetime:
    """The parameter `field` in UTC, parsed by `local_time.parse_instant`; `InvalidParameter` if it
    cannot be parsed.
    """
    try:
        return local_time.parse_instant(text, zone)
    except ValueError as error:
        raise InvalidParameter(field, str(error)) from None


def parse_list(values: Sequence[str]) -> list[str]:
    """The names in comma-separated lists; ValueError if one is empty, or if there are too many."""
    names = [name.strip() for value in values for name in value.split(",")]
    if "" in names:
        raise ValueError("a name is empty; omit the parameter to select all")
    if len(names) > MAX_NAMES:
        raise ValueError(f"{len(names):,} names; {MAX_NAMES:,} are allowed")
    return names


def require_unique(names: list[str]) -> list[str]:
    """The names; ValueError if one is repeated."""
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"{', '.join(repeated)}: named twice; each name may be given once")
    return names
