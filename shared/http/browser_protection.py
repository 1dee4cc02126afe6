"""Protection against what another site makes a person's browser do.

A page of another site can send requests to every service that the browser reaches. The browser says
so, in `Sec-Fetch-Site` or `Origin`. With DNS rebinding the page seems to be of the same site, but
then `Host` is a name of that site. Neither page knows an API key.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http import problem_details

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
ANY_HOST_PATHS = ("/health/", "/metrics")
"""Monitoring may call a service by any name; these reveal nothing about the data."""
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
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@\[\]]+))(?::\d*)?")


class BrowserProtection:
    """Refuses cross-site requests that change something with 403, and unknown hosts with 421; adds
    security headers. Without `hosts` every host is known: a key is required anyway.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self._app = app
        self._hosts = None if hosts is None else {name.lower() for name in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            rejection = self._rejection(scope, Headers(scope=scope))
            await (rejection or self._app)(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, send)

    def _rejection(self, scope: Scope, headers: Headers) -> Response | None:
        if self._is_unknown(headers.get("host")) and not scope["path"].startswith(ANY_HOST_PATHS):
            return problem_details.problem_response(
                421,
                f"the host {headers['host'][:100]!r} is unknown: set MINUANO_API_KEY, or add it "
                "to MINUANO_ALLOWED_HOSTS",
            )
        if scope["method"] not in SAFE_METHODS and _is_cross_site(headers):
            return problem_details.problem_response(403, "cross-site requests are not allowed")
        return None

    def _is_unknown(self, host: str | None) -> bool:
        """Without the header the client is not a browser. An IP address cannot be rebound."""
        if self._hosts is None or host is None:
            return False
        match = _HOST.fullmatch(host)
        name = ((match[1] or match[2]) if match else "").lower()
        return not (_is_ip(name) or name.endswith(".localhost") or name in self._hosts)


def _is_ip(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _is_cross_site(headers: Headers) -> bool:
    """Browsers send Fetch Metadata; older ones, and all of them to a site without TLS, `Origin`. A
    client that sends neither is not a browser. Another site cannot send a key as `Bearer`.
    """
    if headers.get("authorization", "").lower().startswith("bearer "):
        return False
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: Any = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
