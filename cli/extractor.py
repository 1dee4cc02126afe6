"""The extractor's HTTP API, as the command line uses it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from cli.here import ExtractorAccess
from shared import http
from shared.errors import MinuanoError, NotFound, Outage

TIMEOUT_S = 10.0
NOT_FOUND = 404

Job = dict[str, Any]


class Extractor:
    """Asks for jobs and watches them; a job is the JSON object that the API shows."""

    def __init__(self, access: ExtractorAccess) -> None:
        self._url = str(access.extractor_url).rstrip("/")
        self._client = httpx.Client(
            base_url=self._url, headers=http.bearer(access.api_key), timeout=TIMEOUT_S
        )

    def post(self, request: dict[str, Any]) -> Job:
        """Ask for a job."""
        job: Job = self._json("POST", "/jobs", json=request)
        return job

    def jobs(self, *, state: str | None, limit: int) -> list[Job]:
        """The newest jobs first."""
        query = {"limit": limit} | ({"state": state} if state else {})
        jobs: list[Job] = self._json("GET", "/jobs", params=query)["jobs"]
        return jobs

    def job(self, id: int) -> Job:
        """One job."""
        job: Job = self._json("GET", f"/jobs/{id}")
        return job

    def change(self, id: int, verb: str) -> Job:
        """Cancel or retry a job."""
        job: Job = self._json("POST", f"/jobs/{id}/{verb}")
        return job

    def follow(self, id: int, *, timeout_s: float) -> Iterator[Job]:
        """The job each time it changes, until it has ended; a broken connection is taken up."""
        try:
            with self._client.stream("GET", f"/jobs/{id}/events", timeout=timeout_s) as answer:
                _check(answer)
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
        except httpx.TransportError as error:
            raise Outage(f"the extractor at {self._url} is gone: {error}") from None

    def _json(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise Outage(f"no extractor answers at {self._url}: {error}") from None
        _check(answer)
        return answer.json()


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    answer.read()
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    if answer.status_code == NOT_FOUND:
        raise NotFound(detail)
    raise MinuanoError(f"the extractor answers {answer.status_code}: {detail}")
