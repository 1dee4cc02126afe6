"""All endpoints of the extractor."""

from fastapi import APIRouter

from services.extractor import api, statistics_api

router = APIRouter()
for part in (api.router, statistics_api.router):
    router.include_router(part)
