"""Accepts jobs that come over HTTP or by XADD, and publishes them, again if they were lost."""

from collections.abc import Sequence
from itertools import chain

import redis

from services.extractor.known_names import KnownNames
from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from shared import logs
from shared.domain.actor import Actor
from shared.domain.batch_header import Fields
from shared.domain.job import Job
from shared.domain.job_request import ALL_VARIABLES, MAX_VARIABLES, JobRequest
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput, InvalidParameter, Unavailable
from shared.ledger.ledger import Ledger
from shared.streams import redis_client
from shared.streams.entries import StreamNames

log = logs.get(__name__)


class JobIntake:
    """Adds jobs to the ledger and to the jobs stream."""

    def __init__(
        self,
        settings: ExtractorSettings,
        ledger: Ledger,
        client: redis.Redis,
        connector: SampleClient,
    ) -> None:
        self._settings, self._ledger = settings, ledger
        self._redis = client
        self.spec(1)  # a wrong setting stops the process at start
        self._streams, self._connector = StreamNames(settings.stream_prefix), connector
        self.variables = KnownNames(connector.variables)
        self.assets = KnownNames(connector.assets)

    def variables_of(self, request: JobRequest) -> Sequence[str]:
        """The variables that the request names, else those of MINUANO_VARIABLES. For `*` the
        connector is asked: raises what it raises, and `InvalidParameter` for too many.
        """
        names = request.variables or self._settings.variable_names
        if names == ALL_VARIABLES:
            names = tuple(self._connector.variables())
            if not 0 < len(names) <= MAX_VARIABLES:
                raise InvalidParameter(
                    "variables",
                    f"the source has {len(names)}, and a job has 1 to {MAX_VARIABLES}: name them",
                )
        return names

    def accept(
        self,
        request: JobRequest,
        variables: Sequence[str],
        *,
        by: Actor,
        trace: str,
        key: str | None,
    ) -> tuple[Job, bool]:
        """Add the job for these variables to the ledger; return it and whether it is new. This
        publishes nothing.
        """
        if request.assets and not self._settings.source_asset_column:
            raise InvalidInput("schema", "assets: the source has no asset column; leave assets out")
        settings = self._settings
        # A request that names the variables of the setting is the same as one that names none.
        names = request.variables or settings.variable_names
        return self._ledger.add(
            request.model_copy(update={"variables": names}),
            by=by, variables=variables, spec=self.spec(len(variables)),
            timezone=settings.source_timezone, trace=trace, key=key,
        )  # fmt: skip

    def unknown_variable(
        self, variables: Sequence[str], spec: StatisticsSpec
    ) -> InvalidInput | None:
        """The error for a variable that the source does not have, requested or named by a setting;
        None if it has all. Raises what `KnownNames.unknown` raises.
        """
        settings = spec.variables_by_setting
        unknown, known = self.variables.unknown([*variables, *chain(*settings.values())])
        if not unknown:
            return None
        requested = [name for name in unknown if name in variables]
        message = f"the source has no {(requested or unknown)[0]}; it has {', '.join(known)}"
        if requested:
            return InvalidInput("variables", message)
        setting = next(name for name, named in settings.items() if unknown[0] in named)
        return InvalidInput("settings", f"{setting}: {message}")

    def spec(self, variables: int) -> StatisticsSpec:
        """The specification of a new job of so many variables."""
        return self._settings.spec(self._settings.sampling_period_s, variables=variables)

    def publish(self, job: Job) -> bool:
        """Add the job to the stream; return whether Redis took it. If Redis is unavailable the
        sweeper will do it later.
        """
        try:
            with redis_client.redis_errors():
                self._redis.xadd(self._streams.jobs, job_fields(job))
        except Unavailable as outage:
            log.warning("job.publish_deferred", job=job.id, error=str(outage))
            return False
        return True

    def require_room(self) -> None:
        """Raise `Unavailable` if too many jobs are waiting already."""
        try:
            with redis_client.redis_errors():
                waiting = self._redis.xlen(self._streams.jobs)
        except Unavailable:
            return
        if waiting >= self._settings.max_queued_jobs:
            raise Unavailable(
                f"{waiting} jobs are waiting; {self._settings.max_queued_jobs} are allowed "
                "(MINUANO_MAX_QUEUED_JOBS)"
            )


def job_fields(job: Job, chunk: int | None = None) -> Fields:
    """The fields of the stream entry for a job of the ledger, or for one of its chunks."""
    fields = {"ledger": job.ledger, "job": job.id, "attempt": job.attempt}
    return fields if chunk is None else {**fields, "chunk": chunk}
