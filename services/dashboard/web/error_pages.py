"""Errors of pages are pages: what went wrong, in words, with a way on."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.dashboard.web.templates import Templates
from shared.errors import MinuanoError

Handler = Callable[[Request, Exception], Any]
KINDS = (RequestValidationError, HTTPException, MinuanoError, Exception)
OF_THE_PROBLEM = ("Retry-After", "Allow")
MACHINES = ("/api", "/health", "/metrics", "/static", "/openapi.json")


def install(app: FastAPI, rendering: Templates) -> None:
    """Show problem details as a page to a browser."""
    for kind in KINDS:
        app.add_exception_handler(kind, _shown(rendering, app.exception_handlers[kind]))


def _shown(rendering: Templates, told: Handler) -> Callable[[Request, Exception], Awaitable[Any]]:
    async def handler(request: Request, error: Exception) -> Response:
        problem: Response = told(request, error)
        if request.url.path.startswith(MACHINES) or "html" not in request.headers.get("accept", ""):
            return problem
        said = json.loads(bytes(problem.body))
        page = rendering.page(
            request, "error.html", status=problem.status_code, title=said["title"],
            detail=said["detail"],
        )  # fmt: skip
        for name in OF_THE_PROBLEM:
            if value := problem.headers.get(name):
                page.headers[name] = value
        return page

    return handler
