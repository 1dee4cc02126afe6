"""Errors over HTTP: `application/problem+json` (RFC 9457) in one shape."""

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
from shared.errors import Conflict, InvalidInput, MinuanoError, NotFound, Unavailable

log = logs.get(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "2"}
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "`Bearer`"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "Seconds to wait"},
}


class FieldError(BaseModel):
    """What is wrong with one field, and what is allowed."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457; `type` stays `about:blank`, so `title` is the HTTP status in words."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list)


def openapi_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the problems that an endpoint answers with."""
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
    """The OpenAPI entries of an answer's headers; `required` ones are never left out."""
    return {
        name: {"description": text, "required": required, "schema": {"type": "string"}}
        for name, text in described.items()
    }


class App(FastAPI):
    """An app whose OpenAPI document shows problems as what they are."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            for path in super().openapi()["paths"].values():
                for operation in path.values():
                    _only_problems(operation["responses"])
        return super().openapi()


def _only_problems(responses: dict[str, Any]) -> None:
    """FastAPI documents a model as JSON, beside the media type that is really sent."""
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
    """A problem as a response."""
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or []
    )
    return JSONResponse(
        problem.model_dump(),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def install(app: FastAPI) -> None:
    """Answer every error of this app with a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(MinuanoError, _service_error)
    app.add_exception_handler(Exception, _internal_error)


def invalid_parameter(field: str, message: str) -> RequestValidationError:
    """The error for a field that only the handler can judge."""
    return RequestValidationError([{"loc": (field,), "msg": message, "type": "value_error"}])


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - how it is registered
    errors = [_field_errors(e) for e in error.errors()]
    detail = "; ".join(f"{e.field}: {e.message}" for e in errors)
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


def _field_errors(error: Mapping[str, Any]) -> FieldError:
    if error["type"] == "json_invalid":  # its place is a number of characters, not a name
        where, why = error["loc"][-1], error["ctx"]["error"]
        return FieldError(field="body", message=f"no JSON from character {where} on: {why}")
    return FieldError(
        field=_field(error["loc"]), message=error["msg"].removeprefix("Value error, ")
    )


def _field(loc: tuple[str | int, ...]) -> str:
    names = loc[1:] if loc and loc[0] in ("body", "query", "path", "header") else loc
    return ".".join(str(name) for name in names) or "body"


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - how it is registered
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's, for a body that is no JSON
        return _invalid(request, invalid_parameter("body", str(error.detail)))
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods(request))}
    return problem_response(error.status_code, str(error.detail), headers=headers)


def _methods(request: Request) -> list[str]:
    """All that the path takes: Starlette names those of the first route that has it."""
    routes: list[BaseRoute] = request.app.routes
    matching = [route for route in routes if route.matches(request.scope)[0] != Match.NONE]
    return sorted({method for route in matching for method in getattr(route, "methods", ())})


def _service_error(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Unavailable):
        log.warning("request.unavailable", error=str(error))
        return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=RETRY_AFTER)
    if isinstance(error, NotFound):
        return problem_response(HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, Conflict):
        return problem_response(HTTPStatus.CONFLICT, str(error))
    if isinstance(error, InvalidInput):
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    return _internal_error(_, error)


def _internal_error(_: Request, error: Exception) -> JSONResponse:
    log.error("request.crashed", exc_info=error)
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR, "an error of ours; the log tells it by the request's id"
    )
