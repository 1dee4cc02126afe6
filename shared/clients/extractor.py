"""Jobs over the extractor's HTTP API: create, list, cancel, retry and follow them."""

import time
from collections.abc import Iterator
from typing import Any, Literal

from shared.clients.json_client import JsonClient
from shared.clients.settings import ExtractorClientSettings
from shared.domain.actor import Actor
from shared.domain.job import END_STATES
from shared.errors import Unavailable

POLL_S = 0.1

Job = dict[str, Any]


class ExtractorClient(JsonClient):
    """Creates jobs and follows them; a job is the JSON object of the API."""

    def __init__(self, settings: ExtractorClientSettings) -> None:
        super().__init__("extractor", str(settings.extractor_url), settings.headers)

    def post(self, request: dict[str, Any], *, by: Actor, key: str | None = None) -> Job:
        """Create a job; with the `Idempotency-Key` of an earlier job, return that job instead."""
        headers = by.headers | ({"Idempotency-Key": key} if key else {})
        job: Job = self.json("POST", "/jobs", json=request, headers=headers)
        return job

    def jobs(self, *, state: str | None, limit: int) -> list[Job]:
        """The newest jobs first."""
        params = {"limit": limit} | ({"state": state} if state else {})
        jobs: list[Job] = self.json("GET", "/jobs", params=params)["jobs"]
        return jobs

    def job(self, id: int) -> Job:
        job: Job = self.json("GET", f"/jobs/{id}")
        return job

    def change(self, id: int, verb: Literal["cancel", "retry"], *, by: Actor) -> Job:
        """Cancel or retry a job."""
        job: Job = self.json("POST", f"/jobs/{id}/{verb}", headers=by.headers)
        return job

    def follow(self, id: int, *, timeout_s: float) -> Iterator[Job]:
        """The job, read again and again until it has ended or `timeout_s` has passed. While the
        extractor is unavailable this waits: the job continues meanwhile.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                job = self.job(id)
            except Unavailable:
                if time.monotonic() > until:
                    raise
            else:
                yield job
                if job["state"] in END_STATES or time.monotonic() > until:
                    return
            time.sleep(POLL_S)
