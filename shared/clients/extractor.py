"""Jobs: asked for and watched through the extractor's HTTP API."""

import time
from collections.abc import Iterator
from typing import Any

from shared.clients.json_client import JsonClient
from shared.clients.settings import ExtractorClientSettings
from shared.domain.job import END_STATES
from shared.errors import Unavailable

POLL_S = 0.1

Job = dict[str, Any]


class ExtractorClient:
    """Asks for jobs and watches them; a job is the JSON object that the API shows."""

    def __init__(self, access: ExtractorClientSettings) -> None:
        self.client = JsonClient("extractor", str(access.extractor_url), access.headers)

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return self.client.url

    def check(self) -> None:
        """Raise `Outage` unless it is ready."""
        self.client.check()

    def close(self) -> None:
        """Close what is idle."""
        self.client.close()

    def post(self, request: dict[str, Any], *, key: str | None = None) -> Job:
        """Ask for a job; with the `Idempotency-Key` of an earlier one, that one comes back."""
        headers = {"Idempotency-Key": key} if key else {}
        job: Job = self.client.json("POST", "/jobs", json=request, headers=headers)
        return job

    def jobs(self, *, state: str | None, limit: int) -> list[Job]:
        """The newest jobs first."""
        query = {"limit": limit} | ({"state": state} if state else {})
        jobs: list[Job] = self.client.json("GET", "/jobs", params=query)["jobs"]
        return jobs

    def job(self, id: int) -> Job:
        """One job."""
        job: Job = self.client.json("GET", f"/jobs/{id}")
        return job

    def change(self, id: int, verb: str) -> Job:
        """Cancel or retry a job."""
        job: Job = self.client.json("POST", f"/jobs/{id}/{verb}")
        return job

    def follow(self, id: int, *, timeout_s: float) -> Iterator[Job]:
        """The job as it stands, again and again, until it has ended or the time is over. Outages
        are waited out: the job goes on without us.
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
