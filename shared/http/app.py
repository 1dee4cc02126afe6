"""What every HTTP service has: keys, problems, health, metrics, ids that reach the logs."""

import hashlib
import hmac
import re
import uuid
from collections.abc import Callable, MutableMapping
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Security
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel, SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import problem_details
from shared.setting_types import split_names
from shared.settings import ServiceSettings

MAX_BODY_BYTES = 64 * 1024
REQUEST_ID = "x-request-id"
_ID_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Health(BaseModel):
    """The answer of a health check."""

    status: Literal["ok"] = "ok"


class BodyLimit:
    """Ends the reading of a body that is larger than `MAX_BODY_BYTES` with a 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, f"a body of {MAX_BODY_BYTES} bytes is allowed")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)


def require_json(content_type: Annotated[str, Header(include_in_schema=False)] = "") -> None:
    """Refuse a body of another kind with a 415."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send the body as `Content-Type: application/json`")


class RequestId:
    """Takes the caller's `X-Request-ID` or makes one, binds it to the logs and returns it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(REQUEST_ID.encode(), b"").decode("latin-1")
        request_id = given if _ID_PATTERN.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"], (REQUEST_ID.encode(), request_id.encode()),
                ]  # fmt: skip
            await send(message)

        with structlog.contextvars.bound_contextvars(trace=request_id):
            await self._app(scope, receive, send_with_id)


def create_app(
    title: str,
    description: str,
    settings: ServiceSettings,
    *,
    ready: Callable[[], None],
    router: APIRouter | None = None,
    docs: bool = True,
) -> FastAPI:
    """An app with health, metrics and documentation; `router` is behind the key when one is set.
    `ready` raises `Outage` when something that the service needs is away. Without `docs` there is
    the OpenAPI document, but no page that shows it: FastAPI's own load scripts from elsewhere.
    """
    app = problem_details.App(
        title=f"Minuano {title}", description=description,
        docs_url="/docs" if docs else None, redoc_url="/redoc" if docs else None,
    )  # fmt: skip
    problem_details.install(app)
    app.include_router(_health(ready))
    if router:
        guards = [Depends(_key_check(settings.api_key))] if settings.api_key else []
        answers = (
            problem_details.openapi_responses(401, 503)
            if settings.api_key
            else problem_details.openapi_responses(503)
        )
        app.include_router(router, dependencies=guards, responses=answers)
    Instrumentator(excluded_handlers=["/metrics", "/health/.*"]).instrument(app).expose(
        app, tags=["health"], response_class=PlainTextResponse
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestId)
    return app


def _health(ready: Callable[[], None]) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> Health:  # waits for no thread: a service that is busy lives
        """The process answers."""
        return Health()

    @router.get("/ready", responses=problem_details.openapi_responses(503))
    def readiness() -> Health:
        """Everything the service needs answers too."""
        ready()
        return Health()

    return router


def _key_check(keys: SecretStr) -> Callable[..., None]:
    """Check `Authorization: Bearer <key>` in constant time. Several keys, separated by commas, are
    active at once, so that one can be replaced without a gap; only their hashes are kept.
    """
    active = [_digest(key) for key in split_names(keys.get_secret_value())]
    bearer = HTTPBearer(auto_error=False, description="One of the keys in MINUANO_API_KEY")

    def check(
        given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None,
    ) -> None:
        digest = _digest(given.credentials if given else "")
        matches = [hmac.compare_digest(digest, key) for key in active]
        if not any(matches):
            raise HTTPException(
                401,
                "send an active key as `Authorization: Bearer <key>`",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def bearer(keys: SecretStr | None) -> dict[str, str]:
    """The header a client sends: the first of the active keys."""
    return {"Authorization": f"Bearer {split_names(keys.get_secret_value())[0]}"} if keys else {}
