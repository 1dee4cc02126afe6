"""Authentication, protection against cross-site requests, and security headers."""

from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.web.sessions import COOKIE, Sessions
from shared.http import problem_details

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
PUBLIC_PATHS = ("/health/", "/metrics", "/static/", "/sign-in", "/preferences")
"""Paths that need no key, because they reveal nothing about the data."""
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
    """Rejects cross-site requests and requests without a valid key or session."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app, self._sessions = app, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rejection = self._rejection(Request(scope))
        await (rejection or self._app)(scope, receive, _with_headers(send))

    def _rejection(self, request: Request) -> Response | None:
        has_key = self._sessions.has_key(request.headers.get("authorization", ""))
        if request.method not in SAFE_METHODS and not has_key and _is_cross_site(request.headers):
            return problem_details.problem_response(403, "cross-site requests are not allowed")
        path = request.url.path
        if has_key or path.startswith(PUBLIC_PATHS):
            return None
        if self._sessions.is_valid(request.cookies.get(COOKIE)):
            return None
        if path.startswith("/api") or path == "/openapi.json":
            return problem_details.problem_response(
                401, "send an active key as `Authorization: Bearer <key>`, or sign in at /sign-in",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        return _redirect_to_sign_in(request)


def _is_cross_site(headers: Headers) -> bool:
    """Browsers send Fetch Metadata, older ones Origin. A client that sends neither is not a browser
    and has no session cookie that another site could misuse.
    """
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _redirect_to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request"):  # htmx loads a fragment; the whole page must redirect
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    if request.method not in SAFE_METHODS:
        return RedirectResponse("/sign-in", status_code=303)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?back={quote(back, safe='')}", status_code=303)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Any = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
