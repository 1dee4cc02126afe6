"""The extractor's HTTP API, as the command line uses it."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx

from cli.here import ExtractorAccess
from shared.errors import MinuanoError, Misconfigured, NotFound, Outage

TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.1
ENDED = ("done", "failed", "cancelled")

Job = dict[str, Any]


class Extractor:
    """Asks for jobs and watches them; a job is the JSON object that the API shows."""

    def __init__(self, access: ExtractorAccess) -> None:
        self._url = str(access.extractor_url).rstrip("/")
        self._client = httpx.Client(
            base_url=self._url, headers=access.headers, timeout=TIMEOUT_S,
            trust_env=False,  # our own services are not behind the proxy of this machine
        )  # fmt: skip

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
        """The job as it stands, again and again, until it has ended or the time is over. Outages
        are waited out: the job goes on without us.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                job = self.job(id)
            except Outage:
                if time.monotonic() > until:
                    raise
            else:
                yield job
                if job["state"] in ENDED or time.monotonic() > until:
                    return
            time.sleep(LOOK_EVERY_S)

    def _json(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise Outage(f"no extractor answers at {self._url}: {error}") from None
        if not answer.is_success:
            raise refusal(answer, "the extractor")
        return answer.json()


def refusal(answer: httpx.Response, name: str) -> MinuanoError:
    """What an answer that is no success means."""
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    match answer.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return Misconfigured(
                f"MINUANO_API_KEY: {name} refuses this key: set one of those it runs with"
            )
        case HTTPStatus.NOT_FOUND:
            return NotFound(detail)
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.GATEWAY_TIMEOUT:
            return Outage(f"{name} can't serve for now: {detail}")
    return MinuanoError(f"{name} answers {answer.status_code}: {detail}")
