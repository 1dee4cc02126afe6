"""The ASGI application: the API, the pages, static files and the sign-in before them."""

from fastapi import FastAPI, Security
from starlette.middleware import Middleware

from services.dashboard import api, pages
from services.dashboard.dependencies import Dependencies
from services.dashboard.web import error_pages
from services.dashboard.web.auth_middleware import AuthMiddleware
from services.dashboard.web.templates import FOLDER
from shared.http import problem_details
from shared.http.app import BEARER, create_app
from shared.http.static_files import CompressedStaticFiles
from shared.streams import redis_client

DESCRIPTION = "The 10-minute statistics, their quality, and the pipeline that computes them."


def create(deps: Dependencies) -> FastAPI:
    """The application with these dependencies."""

    def ready() -> None:
        deps.target.check()
        redis_client.check(deps.redis, deps.streams)

    app = create_app(
        "dashboard", DESCRIPTION, deps.settings, ready=ready, docs=False,
        middleware=[Middleware(AuthMiddleware, sessions=deps.sessions)],
    )  # fmt: skip
    app.state.deps = deps
    needs_key = deps.sessions.needed
    for router in api.ROUTERS:
        app.include_router(  # the key is declared here only for the OpenAPI document
            router,
            dependencies=[Security(BEARER)] if needs_key else [],
            responses=problem_details.openapi_responses(401, 429) if needs_key else {},
        )
    for router in pages.ROUTERS:
        app.include_router(router)
    error_pages.install(app, deps.templates)
    app.mount("/static", CompressedStaticFiles(directory=FOLDER / "static"))
    return app
