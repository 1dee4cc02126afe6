"""Errors over HTTP: every error is an `application/problem+json` (RFC 9457) of one shape."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from shared import logs
from shared.errors import (
    Conflict,
    InvalidInput,
    InvalidParameter,
    MinuanoError,
    NotFound,
    Unavailable,
)

log = logs.get(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "2"}
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "`Bearer`"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "Seconds to wait"},
}


class FieldError(BaseModel):
    """One invalid field of the request: its name, the error, and the values that are allowed."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457; `type` is always `about:blank`, so `title` is the name of the HTTP status."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list)


def openapi_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries for the error statuses of an endpoint."""
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            "headers": headers(_HEADERS.get(HTTPStatus(status), {})),
        }
        for status in statuses
    }


def headers(described: Mapping[str, str], *, required: bool = True) -> dict[str, Any]:
    """The OpenAPI entries for the headers of a response; `required` ones are always present."""
    return {
        name: {"description": text, "required": required, "schema": {"type": "string"}}
        for name, text in described.items()
    }


class App(FastAPI):
    """An app whose OpenAPI document shows errors with their real media type."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            for path in super().openapi()["paths"].values():
                for operation in path.values():
                    _only_problems(operation["responses"])
        return super().openapi()


def _only_problems(responses: dict[str, Any]) -> None:
    """Remove `application/json`, which FastAPI documents besides the media type that is sent."""
    for response in responses.values():
        content = response.get("content", {})
        if MEDIA_TYPE in content:
            response["content"] = {MEDIA_TYPE: content[MEDIA_TYPE]}


def problem_response(
    status: int,
    detail: str,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response for a problem."""
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or []
    )
    return JSONResponse(problem.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of this app a problem response."""
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(MinuanoError, _service_error)
    app.add_exception_handler(Exception, _internal_error)


def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    return _invalid(*[_field_error(e) for e in error.errors()])


def _invalid(*errors: FieldError) -> JSONResponse:
    detail = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, detail, list(errors))


def _field_error(error: Mapping[str, Any]) -> FieldError:
    if error["type"] == "json_invalid":  # its location is a character position, not a field name
        position, reason = error["loc"][-1], error["ctx"]["error"]
        return FieldError(field="body", message=f"invalid JSON at character {position}: {reason}")
    return FieldError(
        field=_field(error["loc"]), message=error["msg"].removeprefix("Value error, ")
    )


def _field(loc: tuple[str | int, ...]) -> str:
    names = loc[1:] if loc and loc[0] in ("body", "query", "path", "header") else loc
    return ".".join(str(name) for name in names) or "body"


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's, for a body that is not JSON
        return _invalid(FieldError(field="body", message=str(error.detail)))
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods(request))}
    return problem_response(error.status_code, str(error.detail), headers=headers)


def _methods(request: Request) -> list[str]:
    """All methods of the path; Starlette gives only those of its first route."""
    routes: list[BaseRoute] = request.app.routes
    matching = [route for route in routes if route.matches(request.scope)[0] != Match.NONE]
    return sorted({method for route in matching for method in getattr(route, "methods", ())})


def _service_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Unavailable):
        log.warning("request.unavailable", error=str(error))
        return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=RETRY_AFTER)
    if isinstance(error, NotFound):
        return problem_response(HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, Conflict):
        return problem_response(HTTPStatus.CONFLICT, str(error))
    if isinstance(error, InvalidParameter):
        return _invalid(FieldError(field=error.field, message=error.message))
    if isinstance(error, InvalidInput):
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    return _internal_error(request, error)


def _internal_error(_: Request, error: Exception) -> JSONResponse:
    log.error("request.crashed", exc_info=error)
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal error: look up X-Request-ID in the logs"
    )
