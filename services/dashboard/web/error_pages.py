"""Shows errors to browsers as a page instead of problem details in JSON."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from services.dashboard.web.templates import Templates

Handler = Callable[[Request, Exception], Any]
KEPT_HEADERS = {"retry-after", "allow"}
PATHS_WITHOUT_PAGES = ("/api", "/health", "/metrics", "/static", "/openapi.json")


def install(app: FastAPI, templates: Templates) -> None:
    """Wrap the exception handlers of the app."""
    for error_type, problem_handler in list(app.exception_handlers.items()):
        app.add_exception_handler(error_type, partial(_handle, problem_handler, templates))


async def _handle(
    problem_handler: Handler, templates: Templates, request: Request, error: Exception
) -> Response:
    response: Response = problem_handler(request, error)
    accepts_html = "html" in request.headers.get("accept", "")
    if request.url.path.startswith(PATHS_WITHOUT_PAGES) or not accepts_html:
        return response
    problem = json.loads(bytes(response.body))
    page = templates.page(
        request, "error.html", status=response.status_code,
        title=problem["title"], detail=problem["detail"],
    )  # fmt: skip
    for name in KEPT_HEADERS.intersection(response.headers):
        page.headers[name] = response.headers[name]
    return page
