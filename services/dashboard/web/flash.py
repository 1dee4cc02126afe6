"""Flash messages: the outcome of an action, kept in a cookie until the next page shows it."""

from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.responses import RedirectResponse, Response

from services.dashboard.web.templates import Templates

COOKIE = "minuano_flash"
MAX_AGE_S = 60
MAX_CHARS = 600

Action = Literal["start", "cancel", "retry", "replay", "drop"]
Count = Field(0, ge=0)
Clipped = Annotated[str, BeforeValidator(lambda text: str(text)[:MAX_CHARS])]


class Flash(BaseModel):
    """How many jobs or dead letters an action changed, and why not all. No action: no selection.

    `missing` dead letters no longer exist, `refused` ones cannot be replayed, `unchanged` ones were
    not reached because of an error. `detail` is that error or the last warning; `flash.html` has
    the texts for everything else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action | None = None
    done: int = Count
    missing: int = Count
    refused: int = Count
    unchanged: int = Count
    detail: Clipped = ""


def redirect_with(request: Request, path: str, flash: Flash) -> Response:
    """Redirect to a page of the dashboard, which shows the message."""
    response: Response = RedirectResponse(path, status_code=303)
    if request.headers.get("hx-request"):
        response = Response(headers={"HX-Redirect": path})
    response.set_cookie(
        COOKIE, quote(flash.model_dump_json(exclude_defaults=True)), max_age=MAX_AGE_S,
        httponly=True, samesite="strict", secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


def render(
    templates: Templates, request: Request, template: str, *, status: int = 200, **context: Any
) -> Response:
    """A page that shows the message of the cookie, if there is one, and deletes the cookie."""
    cookie = request.cookies.get(COOKIE)
    page = templates.page(request, template, status=status, flash=_parse(cookie), **context)
    if cookie:
        page.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return page


def _parse(cookie: str | None) -> Flash | None:
    try:
        return Flash.model_validate_json(unquote(cookie)) if cookie else None
    except ValidationError:
        return None
