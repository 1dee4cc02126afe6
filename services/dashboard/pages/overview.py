"""The overview: the wind and the power of the latest day."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.dashboard.parts import Here

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(request: Request, here: Here) -> Response:
    """The page."""
    return here.rendering.page(request, "overview.html")
