"""Language, clock and session: what a browser remembers of its reader."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from services.dashboard.dependencies import Deps
from services.dashboard.web import display_timezone, i18n
from services.dashboard.web.sessions import COOKIE

YEAR_S = 365 * 86_400

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def sign_in(request: Request, deps: Deps, back: str = "/") -> Response:
    """The page that asks for a key."""
    return deps.templates.page(request, "sign_in.html", back=_local(back), wrong=False)


@router.post("/sign-in")
def signed_in(
    request: Request,
    deps: Deps,
    key: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Begin a session with an active key."""
    cookie = deps.sessions.begin(key)
    if cookie is None:
        return deps.templates.page(
            request, "sign_in.html", status=401, back=_local(back), wrong=True
        )
    answer = RedirectResponse(_local(back), status_code=303)
    answer.set_cookie(
        COOKIE, cookie, max_age=deps.sessions.max_age_s, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


@router.post("/sign-out")
def signed_out() -> Response:
    """End the session."""
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


@router.post("/choices")
def chosen(
    back: Annotated[str, Form()] = "/",
    language_: Annotated[str | None, Form(alias="language")] = None,
    clock_: Annotated[str | None, Form(alias="clock")] = None,
) -> Response:
    """Remember a language or a clock."""
    answer = RedirectResponse(_local(back), status_code=303)
    for name, value, known in (
        (i18n.COOKIE, language_, i18n.LANGUAGES),
        (display_timezone.COOKIE, clock_, display_timezone.CHOICES),
    ):  # fmt: skip
        if value in known:
            answer.set_cookie(name, str(value), max_age=YEAR_S, samesite="lax", httponly=True)
    return answer


def _local(path: str) -> str:
    """A path of our own: nobody is sent elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
