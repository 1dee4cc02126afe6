"""Authentication by a key or a session."""

from urllib.parse import quote

from fastapi import HTTPException, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.dashboard.web.sessions import COOKIE, Sessions
from shared.http import problem_details
from shared.http.addresses import client_address
from shared.http.browser_protection import SAFE_METHODS

PUBLIC_PATHS = ("/health/", "/metrics", "/static/", "/sign-in", "/preferences")
"""Paths that need no key, because they reveal nothing about the data."""


class AuthMiddleware:
    """Rejects requests without a valid key or session."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app, self._sessions = app, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rejection = self._rejection(Request(scope))
        await (rejection or self._app)(scope, receive, send)

    def _rejection(self, request: Request) -> Response | None:
        path = request.url.path
        if path.startswith(PUBLIC_PATHS) or self._sessions.is_valid(request.cookies.get(COOKIE)):
            return None
        sent = request.headers.get("authorization", "")
        try:
            if self._sessions.has_key(sent, address=client_address(request)):
                return None
        except HTTPException as error:
            return problem_details.problem_response(
                error.status_code, error.detail, headers=error.headers
            )
        if path.startswith("/api") or path == "/openapi.json":
            return problem_details.problem_response(
                401, "send an active key as `Authorization: Bearer <key>`, or sign in at /sign-in",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        return _redirect_to_sign_in(request)


def _redirect_to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request"):  # htmx loads a fragment; the whole page must redirect
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    if request.method not in SAFE_METHODS:
        return RedirectResponse("/sign-in", status_code=303)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?back={quote(back, safe='')}", status_code=303)
