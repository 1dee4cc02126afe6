"""What came of an action, told by the page that follows it: a cookie carries it there."""

from typing import Any, Literal
from urllib.parse import quote, unquote

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import RedirectResponse, Response

from services.dashboard.web.templates import Templates

COOKIE = "minuano_told"
KEPT_S = 60
MAX_CHARS = 600

Count = Field(0, ge=0)


class Flash(BaseModel):
    """What was done with how many, and what stood in the way. The words are the template's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Literal["started", "cancelled", "retried", "replayed", "dropped", "none"]
    done: int = Count
    gone: int = Count
    refused: int = Count
    left: int = Count
    why: str = Field("", max_length=MAX_CHARS)


def redirect_with(request: Request, path: str, told: Flash) -> Response:
    """Go on to a page of ours, which will tell it."""
    answer: Response = RedirectResponse(path, status_code=303)
    if request.headers.get("hx-request"):
        answer = Response(headers={"HX-Redirect": path})
    answer.set_cookie(
        COOKIE, quote(told.model_dump_json(exclude_defaults=True)), max_age=KEPT_S,
        httponly=True, samesite="strict", secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


def render(
    rendering: Templates, request: Request, template: str, *, status: int = 200, **context: Any
) -> Response:
    """A page that tells what was done before, once."""
    given = request.cookies.get(COOKIE)
    answer = rendering.page(request, template, status=status, told=_read(given), **context)
    if given:
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _read(cookie: str | None) -> Flash | None:
    try:
        return Flash.model_validate_json(unquote(cookie)) if cookie else None
    except ValidationError:
        return None
