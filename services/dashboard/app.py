"""The app: the API, the pages, and what stands before both."""

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer

from services.dashboard import api, failures, pages
from services.dashboard.files import Files
from services.dashboard.guard import Guard
from services.dashboard.parts import Parts
from services.dashboard.rendering import HERE
from shared import http, problems, transport

DESCRIPTION = "The 10-minute statistics, their quality, and the pipeline that makes them."
KEY = HTTPBearer(auto_error=False, description="One of the keys in MINUANO_API_KEY")


def create(parts: Parts) -> FastAPI:
    """The app over these parts."""

    def ready() -> None:
        parts.target.check()
        transport.check(parts.redis)

    # It has a guard of its own: a page is not asked for a header.
    open_settings = parts.settings.model_copy(update={"api_key": None})
    app = http.create_app("dashboard", DESCRIPTION, open_settings, ready=ready, docs=False)
    app.state.parts = parts
    # The guard asks for the key; this tells the OpenAPI document so.
    told = [Security(KEY)] if parts.sessions.needed else []
    answers = problems.documented(401) if parts.sessions.needed else {}
    for router in api.ROUTERS:
        app.include_router(router, dependencies=told, responses=answers)
    for router in pages.ROUTERS:
        app.include_router(router)
    failures.install(app, parts.rendering)
    app.mount("/static", Files(directory=HERE / "static"))
    app.add_middleware(Guard, sessions=parts.sessions)
    return app
