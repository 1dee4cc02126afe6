"""Refuses HTTP methods that do not exist. Metrics have the method as a label, so a client that
invents methods would make them grow without bound.
"""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import problem_details

METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)
"""Those of HTTP. An endpoint answers with 405 to those that it does not have."""


class KnownMethods:
    """Answers with 501 to all methods but `METHODS`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["method"] not in METHODS:
            app = problem_details.problem_response(
                HTTPStatus.NOT_IMPLEMENTED, "there is no such method in HTTP"
            )
        await app(scope, receive, send)
