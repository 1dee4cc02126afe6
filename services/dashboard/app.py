"""The app: the API, the pages, and what stands before both."""

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer

from services.dashboard import api, pages
from services.dashboard.dependencies import Dependencies
from services.dashboard.web import error_pages
from services.dashboard.web.auth_middleware import AuthMiddleware
from services.dashboard.web.static_files import CompressedStaticFiles
from services.dashboard.web.templates import FOLDER
from shared.http import problem_details
from shared.http.app import create_app
from shared.streams import redis_client

DESCRIPTION = "The 10-minute statistics, their quality, and the pipeline that makes them."
KEY = HTTPBearer(auto_error=False, description="One of the keys in MINUANO_API_KEY")


def create(deps: Dependencies) -> FastAPI:
    """The app over these dependencies."""

    def ready() -> None:
        deps.target.check()
        redis_client.check(deps.redis)

    # It has a guard of its own: a page is not asked for a header.
    open_settings = deps.settings.model_copy(update={"api_key": None})
    app = create_app("dashboard", DESCRIPTION, open_settings, ready=ready, docs=False)
    app.state.deps = deps
    # The guard asks for the key; this tells the OpenAPI document so.
    told = [Security(KEY)] if deps.sessions.needed else []
    answers = problem_details.openapi_responses(401) if deps.sessions.needed else {}
    for router in api.ROUTERS:
        app.include_router(router, dependencies=told, responses=answers)
    for router in pages.ROUTERS:
        app.include_router(router)
    error_pages.install(app, deps.templates)
    app.mount("/static", CompressedStaticFiles(directory=FOLDER / "static"))
    app.add_middleware(AuthMiddleware, sessions=deps.sessions)
    return app
