"""Requests to the connector with retries, a deadline, and a bound on the size of a response.

A response is never compressed: a few bytes could unfold to any size.
"""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import stamina

from services.extractor.request_deadline import DeadlineTransport, deadline
from shared.clients.connector import ConnectorClient
from shared.clients.json_client import BUSY
from shared.clients.settings import ConnectorClientSettings
from shared.errors import InvalidInput, MinuanoError, Unavailable
from shared.http import problem_details
from shared.http.content_negotiation import JSON

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5.0, 15.0
WAIT_MIN_S, WAIT_MAX_S = 0.1, 2.0
KEY_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
NEVER = (HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
"""What a server in front of the connector does not offer: not an outage."""
ERROR_CHARS = 300
MAX_JSON_BYTES = 32 * 2**20
"""Of a response in JSON, which takes several times its bytes as Python objects."""

T = TypeVar("T")


class Unreachable(Unavailable):
    """A retry may help: no response, a truncated one, `BUSY`, or 5xx of a gateway."""


class RetriedInput(InvalidInput):
    """The connector answers 500, or something else answers: a few retries may help, then the job
    fails.
    """


class RetryingClient(ConnectorClient):
    """GET requests to the connector. `Unavailable` if all attempts fail; `InvalidInput` (reason
    `contract`, `too_large`, `unauthorized`, `source` or `timeout`) for one that a retry would not
    change.
    """

    def __init__(
        self,
        settings: ConnectorClientSettings,
        *,
        deadline_s: float,
        attempts: int,
        max_response_bytes: int,
    ) -> None:
        super().__init__(
            settings,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=DeadlineTransport(),
        )  # fmt: skip
        self._deadline_s, self._max_response_bytes = deadline_s, max_response_bytes
        self._retry = stamina.RetryingCaller(
            attempts=attempts, timeout=None, wait_initial=WAIT_MIN_S, wait_max=WAIT_MAX_S
        ).on((Unreachable, RetriedInput))

    def fetch(
        self,
        path: str,
        params: Mapping[str, Any],
        accept: str,
        decode: Callable[[bytearray, httpx.Headers], T],
    ) -> T:
        """The result of `decode` on body and headers; `decode` raises `Unreachable` to retry."""
        return self._retry(lambda: decode(*self._send(path, params, accept)))

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON value at `path`; only GET requests are retried, so there is no other method."""

        def decode(body: bytearray, _: httpx.Headers) -> Any:
            try:
                return json.loads(body)
            except (ValueError, RecursionError):
                raise Unreachable(f"connector: {path} does not answer with JSON") from None

        assert method == "GET"  # noqa: S101 - the extractor only reads
        return self.fetch(path, options.get("params", {}), JSON, decode)

    def check(self) -> None:
        """Raise `Unavailable` unless the connector is ready; this does not retry."""
        try:
            self._send("/health/ready", {}, JSON, deadline_s=READ_TIMEOUT_S)
        except InvalidInput as error:
            raise Unavailable(str(error)) from None

    def _send(
        self, path: str, params: Mapping[str, Any], accept: str, *, deadline_s: float | None = None
    ) -> tuple[bytearray, httpx.Headers]:
        body = bytearray()
        max_bytes = self._max_response_bytes
        if accept == JSON:
            max_bytes = min(max_bytes, MAX_JSON_BYTES)
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        stream = self._client.stream("GET", path, params=params, headers=headers)
        try:
            with deadline(deadline_s or self._deadline_s), stream as response:
                for data in response.iter_raw():
                    body += data
                    if len(body) > max_bytes:
                        raise InvalidInput("contract", f"{path} exceeds {max_bytes} bytes")
        except httpx.RequestError as error:
            raise Unreachable(f"connector: {error or type(error).__name__}") from None
        _require_success(response, body)
        _require_media_type(response, accept)
        _require_uncompressed(response)
        return body, response.headers

    def _unexpected(self, message: str) -> MinuanoError:
        return InvalidInput("contract", message)


def _require_success(response: httpx.Response, body: bytearray) -> None:
    """Raise the error for a response without success; docs/protocol.md has the table."""
    if response.is_success:
        return
    status, is_own = response.status_code, _is_problem(response)
    message = f"connector answers {status}: {_detail(body)}"
    if is_own and status == HTTPStatus.GATEWAY_TIMEOUT:
        raise InvalidInput("timeout", message)
    if is_own and status == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetriedInput("source", message)
    if status in BUSY or (response.is_server_error and status not in NEVER):
        raise Unreachable(message)
    if status in KEY_REFUSED:
        raise InvalidInput(
            "unauthorized", f"{message}; set MINUANO_API_KEY to a key that the connector accepts"
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise InvalidInput("too_large", message)
    raise InvalidInput("contract", message)


def _require_media_type(response: httpx.Response, accept: str) -> None:
    """Raise `RetriedInput` for the page of a proxy, or of another service at this address."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != accept:
        raise RetriedInput(
            "contract",
            f"the connector answers {response.url.path} with {media_type[:50] or 'no type'}, not "
            f"with {accept}: check that the connector runs at MINUANO_CONNECTOR_URL",
        )


def _require_uncompressed(response: httpx.Response) -> None:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise InvalidInput(
            "contract",
            f"the response of the connector is compressed ({encoding[:20]}), but only identity was "
            "requested: turn off compression in what is between extractor and connector",
        )


def _is_problem(response: httpx.Response) -> bool:
    """Whether the connector itself answers, not a gateway in front of it."""
    content_type: str = response.headers.get("content-type", "")
    return content_type.startswith(problem_details.MEDIA_TYPE)


def _detail(body: bytearray) -> str:
    """The `detail` of a problem, or the beginning of any other body. JSON can have half of a
    surrogate pair, which is in no UTF-8.
    """
    try:
        text = str(json.loads(body)["detail"])[:ERROR_CHARS]
        return text.encode(errors="replace").decode()
    except (ValueError, KeyError, TypeError):
        return body[:ERROR_CHARS].decode(errors="replace")
