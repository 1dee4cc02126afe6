"""Taking jobs: from HTTP, from a person's XADD, and again when one was lost."""

import time
from collections.abc import Sequence

import redis

from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from shared import logs
from shared.domain.batches import Fields
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.errors import InvalidInput, Unavailable
from shared.ledger.ledger import Ledger
from shared.streams import redis_client
from shared.streams.entries import StreamNames

log = logs.get(__name__)

VARIABLES_KNOWN_FOR_S = 30.0


class JobIntake:
    """Enters jobs into the ledger and puts them on the stream."""

    def __init__(
        self,
        settings: ExtractorSettings,
        ledger: Ledger,
        client: redis.Redis,
        connector: SampleClient,
    ) -> None:
        self._settings, self._ledger = settings, ledger
        self._redis, self._connector = client, connector
        settings.spec(settings.sampling_period_s)  # a wrong setting ends the process, not a job
        self._streams = StreamNames(settings.stream_prefix)
        self._variables: list[str] = []
        self._variables_until = 0.0

    def accept(self, request: JobRequest, *, trace: str, key: str | None) -> tuple[Job, bool]:
        """Enter the job; return it and whether it is new. Nothing is published yet."""
        if request.assets and not self._settings.source_asset_column:
            raise InvalidInput("schema", "assets: the source has no asset column, so name none")
        settings = self._settings
        spec = settings.spec(settings.sampling_period_s, variables=len(request.variables))
        return self._ledger.add(
            request, spec=spec, timezone=settings.source_timezone, trace=trace, key=key
        )

    def publish(self, job: Job) -> None:
        """Put the job on the stream. If Redis is away the sweeper will: the ledger has the job."""
        try:
            with redis_client.redis_errors():
                self._redis.xadd(self._streams.jobs, job_fields(job))
        except Unavailable as outage:
            log.warning("job.waits_for_sweeper", job=job.id, error=str(outage))

    def require_room(self) -> None:
        """Raise `Outage` when too many jobs wait already."""
        try:
            with redis_client.redis_errors():
                waiting = self._redis.xlen(self._streams.jobs)
        except Unavailable:
            return
        if waiting >= self._settings.max_queued_jobs:
            raise Unavailable(f"{waiting} jobs are waiting; that is the limit")

    def unknown_variables(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Those of the names that the source has not, and what it has; what seems unknown is asked
        for again. Raises `Outage` while the connector is away.
        """
        known = self._known_variables(again=False)
        if not set(names) <= set(known):
            known = self._known_variables(again=True)
        return sorted(set(names) - set(known)), known

    def _known_variables(self, *, again: bool) -> list[str]:
        if again or time.monotonic() > self._variables_until:
            self._variables = self._connector.variables()
            self._variables_until = time.monotonic() + VARIABLES_KNOWN_FOR_S
        return self._variables


def job_fields(job: Job, chunk: int | None = None) -> Fields:
    """The stream entry that names a job of the ledger, or one of its chunks."""
    fields = {"job": job.id, "attempt": job.attempt}
    return fields if chunk is None else {**fields, "chunk": chunk}
