"""What stands before every request: who is it, does it come from our own page, and what may the
page that is sent do.
"""

from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.web.sessions import COOKIE, Sessions
from shared.http import problem_details

SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/health/", "/metrics", "/static/", "/sign-in", "/choices")
"""What needs no key: nothing of it tells of the data."""
POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
        "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class AuthMiddleware:
    """Refuses what another site made a browser send, and whoever has not signed in."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app, self._sessions = app, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(Request(scope))
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, request: Request) -> Response | None:
        has_key = self._sessions.has_key(request.headers.get("authorization", ""))
        if request.method not in SAFE and not has_key and not _from_our_own_page(request.headers):
            return problem_details.problem_response(
                403, "this request was made by a page of another site"
            )
        path = request.url.path
        if has_key or path.startswith(OPEN) or self._sessions.holds(request.cookies.get(COOKIE)):
            return None
        if path.startswith("/api") or path == "/openapi.json":
            return problem_details.problem_response(
                401, "send an active key as `Authorization: Bearer <key>`, or sign in at /sign-in",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        return _to_sign_in(request)


def _from_our_own_page(headers: Headers) -> bool:
    """Browsers say where a request was made (Fetch Metadata, or Origin where that is older); who
    sends neither is no browser, and has no cookie that another site could use.
    """
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request"):  # a part of a page: the whole of it has to go there
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    if request.method not in SAFE:
        return RedirectResponse("/sign-in", status_code=303)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?back={quote(back, safe='')}", status_code=303)


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Any = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
