"""Signing in and out, and the preferences for language and time zone."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.dashboard.dependencies import Deps
from services.dashboard.web import display_timezone, i18n
from services.dashboard.web.sessions import COOKIE
from shared.http.addresses import client_address

YEAR_S = 365 * 86_400

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def sign_in(request: Request, deps: Deps, back: str = "/") -> Response:
    """The page that asks for a key."""
    return deps.templates.page(request, "sign_in.html", back=_local_path(back), problem=None)


@router.post("/sign-in")
def begin_session(
    request: Request,
    deps: Deps,
    key: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Begin a session with an active key."""
    back = _local_path(back)
    try:
        cookie = deps.sessions.begin(key, address=client_address(request))
    except HTTPException as error:
        return _ask_again(request, deps, back, error.status_code, headers=error.headers)
    if cookie is None:
        return _ask_again(request, deps, back, 401)
    response = RedirectResponse(back, status_code=303)
    response.set_cookie(
        COOKIE, cookie, max_age=deps.sessions.max_age_s, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.post("/sign-out")
def sign_out(request: Request, deps: Deps) -> Response:
    """End the session, at every dashboard."""
    deps.ended_sessions.end(request.cookies.get(COOKIE))
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response


@router.post("/preferences")
def set_preferences(
    back: Annotated[str, Form()] = "/",
    language: Annotated[str | None, Form()] = None,
    timezone: Annotated[str | None, Form()] = None,
) -> Response:
    """Save the language or the time zone in a cookie."""
    response = RedirectResponse(_local_path(back), status_code=303)
    for name, value, choices in (
        (i18n.COOKIE, language, i18n.LANGUAGES),
        (display_timezone.COOKIE, timezone, display_timezone.CHOICES),
    ):  # fmt: skip
        if value in choices:
            response.set_cookie(name, str(value), max_age=YEAR_S, samesite="lax", httponly=True)
    return response


def _ask_again(
    request: Request,
    deps: Deps,
    back: str,
    status: int,
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page again, after a wrong key (401) or too many of them (429)."""
    problem = "wrong_key" if status == HTTPStatus.UNAUTHORIZED else "wait"
    response = deps.templates.page(
        request, "sign_in.html", status=status, back=back, problem=problem
    )
    response.headers.update(headers or {})
    return response


def _local_path(path: str) -> str:
    """The path if it stays on this host, else the overview."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
