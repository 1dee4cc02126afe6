"""The API's documentation, from files of ours."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.dashboard.dependencies import Here

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request, here: Here) -> Response:
    """The page."""
    return here.rendering.page(request, "docs.html")
