"""The application of every HTTP service: API keys, errors, health, metrics and request ids."""

import re
import socket
import uuid
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Security
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel, SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import docs_page, problem_details
from shared.http.addresses import client_address
from shared.http.browser_protection import BrowserProtection
from shared.http.key_check import KeyCheck
from shared.http.methods import KnownMethods
from shared.http.settings import HttpSettings
from shared.setting_types import split_names

MAX_BODY_BYTES = 64 * 1024
REQUEST_ID = "x-request-id"
BEARER = HTTPBearer(auto_error=False, description="One of the keys in MINUANO_API_KEY")
_ID_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Health(BaseModel):
    """The response of a health check."""

    status: Literal["ok"] = "ok"


class BodyLimit:
    """Refuses a request body larger than `MAX_BODY_BYTES` with 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body may have at most {MAX_BODY_BYTES} bytes")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)


async def require_json(content_type: Annotated[str, Header(include_in_schema=False)] = "") -> None:
    """Refuse a body of another media type with 415."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send the body as `Content-Type: application/json`")


class RequestId:
    """Uses the caller's `X-Request-ID` or generates one, adds it to all logs and returns it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = sent if _ID_PATTERN.fullmatch(sent) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append(REQUEST_ID, request_id)
            await send(message)

        with structlog.contextvars.bound_contextvars(trace=request_id):
            await self._app(scope, receive, send_with_id)


def create_app(
    title: str,
    description: str,
    settings: HttpSettings,
    *,
    ready: Callable[[], None],
    router: APIRouter | None = None,
    docs: bool = True,
    middleware: Sequence[Middleware] = (),
) -> FastAPI:
    """An app with health checks, metrics and documentation; if an API key is set, `router` requires
    it. `ready` raises `Unavailable` if a dependency of the service is. Without `docs` the app has
    the OpenAPI document and the files of Swagger UI, but not the page. `middleware` comes after
    that of every service.
    """
    app = problem_details.App(
        title=f"Minuano {title}", description=description, middleware=list(middleware),
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    problem_details.install(app)
    docs_page.install(app, page=docs)
    app.include_router(_health(ready))
    if router:
        dependencies = [Depends(_key_check(settings.api_key))] if settings.api_key else []
        statuses = (401, 429, 503) if settings.api_key else (503,)
        responses = problem_details.openapi_responses(*statuses)
        app.include_router(router, dependencies=dependencies, responses=responses)
    Instrumentator(excluded_handlers=["/metrics", "/health/.*"]).instrument(app).expose(
        app, tags=["health"], response_class=PlainTextResponse
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(BrowserProtection, hosts=_known_hosts(title, settings))
    app.add_middleware(KnownMethods)
    app.add_middleware(RequestId)
    return app


def _known_hosts(name: str, settings: HttpSettings) -> Sequence[str] | None:
    """The names of this service, if no key is required; None otherwise."""
    if settings.api_key:
        return None
    return (
        "localhost", name, socket.gethostname(), settings.host,
        *split_names(settings.allowed_hosts),
    )  # fmt: skip


def _health(ready: Callable[[], None]) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> Health:  # async: it answers even if all threads are busy
        """The process is running."""
        return Health()

    @router.get("/ready", responses=problem_details.openapi_responses(503))
    def readiness() -> Health:
        """The process is running and all its dependencies are available."""
        ready()
        return Health()

    return router


def _key_check(keys: SecretStr) -> Callable[..., Awaitable[None]]:
    """Check `Authorization: Bearer <key>`. Several keys, separated by commas, are active at once,
    so that a key can be replaced without downtime.
    """
    keys_of_clients = KeyCheck(keys)

    async def check(
        request: Request,
        sent: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)] = None,
    ) -> None:
        key = sent.credentials if sent else ""
        if keys_of_clients.check(key, client_address(request)) is None:
            raise HTTPException(
                401,
                "send an active key as `Authorization: Bearer <key>`",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check
