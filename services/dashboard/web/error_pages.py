"""Shows errors to browsers as a page instead of problem details in JSON."""

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
ERROR_TYPES = (RequestValidationError, HTTPException, MinuanoError, Exception)
KEPT_HEADERS = ("Retry-After", "Allow")
PATHS_WITHOUT_PAGES = ("/api", "/health", "/metrics", "/static", "/openapi.json")


def install(app: FastAPI, templates: Templates) -> None:
    """Wrap the exception handlers of the app."""
    for error_type in ERROR_TYPES:
        handler = app.exception_handlers[error_type]
        app.add_exception_handler(error_type, _with_page(handler, templates))


def _with_page(
    problem_handler: Handler, templates: Templates
) -> Callable[[Request, Exception], Awaitable[Any]]:
    async def handler(request: Request, error: Exception) -> Response:
        response: Response = problem_handler(request, error)
        accepts_html = "html" in request.headers.get("accept", "")
        if request.url.path.startswith(PATHS_WITHOUT_PAGES) or not accepts_html:
            return response
        problem = json.loads(bytes(response.body))
        page = templates.page(
            request, "error.html", status=response.status_code,
            title=problem["title"], detail=problem["detail"],
        )  # fmt: skip
        kept = {name: response.headers.get(name) for name in KEPT_HEADERS}
        page.headers.update({name: value for name, value in kept.items() if value})
        return page

    return handler
