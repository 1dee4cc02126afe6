"""A client of one of our JSON APIs: it returns a value, or raises an error that says what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from shared.clients import tls
from shared.errors import ConfigurationError, InvalidInput, MinuanoError, NotFound, Unavailable

T = TypeVar("T")

TIMEOUT_S = 10.0
CHECK_TIMEOUT_S = 2.0
BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
UNAVAILABLE = (
    *BUSY, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT,
)  # fmt: skip


class JsonClient:
    """The JSON API of one service; `name` is the service's name in error messages."""

    def __init__(
        self,
        name: str,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout: httpx.Timeout | float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._name, self.url = name, url.rstrip("/")
        self._client = httpx.Client(
            base_url=self.url, headers=dict(headers), timeout=timeout, transport=transport,
            verify=tls.context(),
            trust_env=False,  # a proxy of this machine does not lead to our own services
        )  # fmt: skip

    def get(self, path: str, shape: type[T], **options: Any) -> T:
        """The JSON value at `path`, validated; `MinuanoError` if it has another shape."""
        value = self.json("GET", path, **options)
        try:
            return TypeAdapter(shape).validate_python(value)
        except ValidationError:
            raise self._unexpected(f"the {self._name}'s {path} has another shape") from None

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON value of the response; `Unavailable` if there is no response, and the error
        that `response_error` returns if the status is not a success.
        """
        response = self.request(method, path, **options)
        if not response.is_success:
            raise response_error(response, f"the {self._name}")
        try:
            return response.json()
        except ValueError:
            raise self._unexpected(
                f"{self.url} does not answer with JSON: check that the {self._name} runs there"
            ) from None

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The response with any status but 401; `Unavailable` if there is no response,
        `ConfigurationError` if the service refuses the API key, `InvalidInput` if the parameters
        are too long for a URL.
        """
        try:
            response = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise Unavailable(f"no {self._name} answers at {self.url}: {error}") from None
        except httpx.InvalidURL:
            raise InvalidInput("parameter", "the parameters of the request are too long") from None
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise response_error(response, f"the {self._name}")
        return response

    def check(self) -> None:
        """Raise `Unavailable` unless the service is ready."""
        self.json("GET", "/health/ready", timeout=CHECK_TIMEOUT_S)

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    def _unexpected(self, message: str) -> MinuanoError:
        """The error for a response that this API must never send."""
        return MinuanoError(message)


def response_error(response: httpx.Response, name: str) -> MinuanoError:
    """The error for a response without success."""
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = response.text[:200]
    match response.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return ConfigurationError(
                f"MINUANO_API_KEY: {name} refuses this key: set one of the keys that it accepts"
            )
        case HTTPStatus.NOT_FOUND:
            return NotFound(detail)
        case status if status in UNAVAILABLE:
            return Unavailable(f"{name} is unavailable for now: {detail}")
    return MinuanoError(f"{name} answers {response.status_code}: {detail}")
