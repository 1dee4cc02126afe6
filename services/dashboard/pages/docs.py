"""The page with the documentation of the API, rendered by the bundled Swagger UI."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.dashboard.dependencies import Deps

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request, deps: Deps) -> Response:
    return deps.templates.page(request, "docs.html")
