"""Requests to one of our services: a value comes back, or an error that says what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from shared.errors import ConfigurationError, MinuanoError, NotFound, Unavailable

TIMEOUT_S = 10.0
CHECK_TIMEOUT_S = 2.0


class JsonClient:
    """The JSON API of a service that `name` names in errors."""

    def __init__(
        self, name: str, url: str, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._name, self.url = name, url.rstrip("/")
        self._client = httpx.Client(
            base_url=self.url, headers=dict(headers), timeout=timeout_s,
            trust_env=False,  # our own services are not behind the proxy of this machine
        )  # fmt: skip

    def json(self, method: str, path: str, **options: Any) -> Any:
        """The answer's value; `Outage` if none comes, else what `refusal` makes of it."""
        answer = self.request(method, path, **options)
        if not answer.is_success:
            raise refusal_text(answer, f"the {self._name}")
        try:
            return answer.json()
        except ValueError:
            raise MinuanoError(f"what answers at {self.url} is no {self._name}: no JSON") from None

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer as it is, but `Outage` if none comes and `Misconfigured` for a wrong key."""
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise Unavailable(f"no {self._name} answers at {self.url}: {error}") from None
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise refusal_text(answer, f"the {self._name}")
        return answer

    def check(self) -> None:
        """Raise `Outage` unless the service is ready."""
        self.json("GET", "/health/ready", timeout=CHECK_TIMEOUT_S)

    def close(self) -> None:
        """Close what is idle."""
        self._client.close()


def refusal_text(answer: httpx.Response, name: str) -> MinuanoError:
    """What an answer that is no success means."""
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    match answer.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return ConfigurationError(
                f"MINUANO_API_KEY: {name} refuses this key: set one of those it runs with"
            )
        case HTTPStatus.NOT_FOUND:
            return NotFound(detail)
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.GATEWAY_TIMEOUT:
            return Unavailable(f"{name} can't serve for now: {detail}")
    return MinuanoError(f"{name} answers {answer.status_code}: {detail}")
