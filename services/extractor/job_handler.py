"""The handler of the jobs stream: a job is cut into chunks, a chunk into slices, and each slice is
published as one raw batch.

A job runs in `job_parallelism` lanes: lane n takes the chunks n, n + lanes, and so on, one entry
after the other.
So several extractors share a large job, and a small job waits for a few chunks at the most.
"""

import math
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from structlog.contextvars import bound_contextvars

from services.extractor.job_intake import JobIntake, job_fields
from services.extractor.prefetch import prefetch
from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from services.extractor.slicing import consecutive_runs, shift_timestamps, split_into_slices
from shared import logs
from shared.domain.batches import RawBatch, Slice
from shared.domain.job import Job
from shared.domain.job_request import MAX_ASSET_CHARS, JobRequest
from shared.errors import Conflict, InvalidInput, NotFound
from shared.ledger.ledger import Ledger
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Entry, Output, StreamNames, parse_whole_number
from shared.streams.publisher import Publisher

log = logs.get(__name__)

UNNAMED = ("",)
MAX_FIELDS = 10
# More than the names of all assets and variables that a job may have.
MAX_ENTRY_BYTES = 2**20
OF_THE_LEDGER = {b"job", b"attempt", b"chunk"}


class JobHandler:
    """Reads through the connector and publishes raw batches."""

    def __init__(
        self,
        settings: ExtractorSettings,
        ledger: Ledger,
        connector: SampleClient,
        publisher: Publisher,
        intake: JobIntake,
        heartbeat: Heartbeat,
    ) -> None:
        self._settings, self._ledger, self._connector = settings, ledger, connector
        self._publisher, self._intake, self._heartbeat = publisher, intake, heartbeat
        self._streams = StreamNames(settings.stream_prefix)

    def __call__(self, entries: Sequence[Entry]) -> list[Output]:
        """Each entry is a request by hand, a job of the ledger, or one of a job's chunks."""
        outputs: list[Output] = []
        for entry in entries:
            _require_bounded(entry)
            if b"job" not in entry.fields:
                outputs.append(self._enter(entry))
                continue
            job, chunk = self._job_of(entry)
            with bound_contextvars(trace=job.trace, job=job.id):
                if job.state in ("done", "cancelled") or _is_of_earlier_attempt(entry, job):
                    continue
                try:
                    outputs += self._extract(job, chunk)
                except InvalidInput as error:
                    log.warning("job.failed", reason=error.reason, error=str(error))
                    self._ledger.fail(
                        job.id, reason=error.reason, error=str(error), attempt=job.attempt
                    )
        return outputs

    def _enter(self, entry: Entry) -> Output:
        """A job by hand becomes one of the ledger; its entry's id keeps it from being two."""
        request = JobRequest.from_fields(entry.fields)
        try:
            job, _ = self._intake.accept(request, trace=entry.id, key=f"stream:{entry.id}")
        except Conflict as error:
            raise InvalidInput("conflict", str(error)) from None
        log.info("job.accepted", job=job.id, by="stream", trace=job.trace)
        return Output(self._streams.jobs, job_fields(job))

    def _job_of(self, entry: Entry) -> tuple[Job, int | None]:
        if unknown := set(entry.fields) - OF_THE_LEDGER:
            raise InvalidInput(
                "schema", f"{min(unknown)[:50]!r} beside job: only attempt and chunk may be there"
            )
        try:
            job = self._ledger.job(_number(entry.fields[b"job"]))
        except NotFound as error:
            raise InvalidInput("unknown_job", str(error)) from None
        chunk = entry.fields.get(b"chunk")
        return job, None if chunk is None else _number(chunk)

    def _extract(self, job: Job, chunk: int | None) -> list[Output]:
        if job.started_at is None:
            job = self._begin(job)
        chunks = self._chunks_of_asset(job) * len(job.assets)
        if chunk is None:
            for lane in range(1, min(self._settings.job_parallelism, chunks)):
                self._publisher.add(Output(self._streams.jobs, job_fields(job, lane)))
            chunk = 0
        if chunk < chunks:
            self._publish(job, self._slices(job, chunk))
        following = chunk + self._settings.job_parallelism
        if following < chunks:
            return [Output(self._streams.jobs, job_fields(job, following))]
        return []

    def _begin(self, job: Job) -> Job:
        """Fix the job's assets, and with them the slices it consists of."""
        unknown, known = self._intake.unknown_variables(job.variables)
        if unknown:
            raise InvalidInput(
                "variables", f"the source has no {unknown[0]}, only {', '.join(known)}"
            )
        assets = self._assets(job)
        total = len(assets) * sum(1 for _ in job.spans())
        log.info("job.started", assets=len(assets), slices=total)
        return self._ledger.mark_started(job.id, assets=assets, slices_total=total)

    def _assets(self, job: Job) -> Sequence[str]:
        """Those of the source, and those that only the target has: their windows are to go."""
        if not self._settings.source_asset_column:
            return UNNAMED
        known = sorted({*self._connector.assets(), *self._ledger.loaded_assets(job)})
        if unknown := [name for name in job.assets if name not in known]:
            raise InvalidInput("assets", f"the source has no {unknown[0]}")
        return job.assets or _carried(known)

    def _chunks_of_asset(self, job: Job) -> int:
        """How many pieces the manifest of each asset has."""
        slices = (job.slices_total or 0) // max(1, len(job.assets))
        return math.ceil(slices / self._settings.chunk_slices)

    def _slices(self, job: Job, chunk: int) -> list[Slice]:
        """A piece of the manifest, all of one asset; the rest of a large job is not written out."""
        asset, piece = divmod(chunk, self._chunks_of_asset(job))
        size = self._settings.chunk_slices
        return list(islice(job.slices([job.assets[asset]]), piece * size, (piece + 1) * size))

    def _publish(self, job: Job, chunk: Sequence[Slice]) -> None:
        """Publish those slices of the chunk that do not stand in the target yet."""
        loaded = self._ledger.loaded_slices(job.id, chunk) if job.progressed_at else set()
        missing = [part for part in chunk if part.identity not in loaded]
        for run in consecutive_runs(missing):
            started = time.perf_counter()
            for part, table in split_into_slices(self._pages(run), run):
                extract_ms = (time.perf_counter() - started) * 1000
                batch = RawBatch(
                    slice=part, table=table, rows=table.num_rows, extract_ms=extract_ms
                )
                self._publisher.publish(Output(self._streams.raw, batch.encode()))
                self._heartbeat.beat()
                started = time.perf_counter()
            self._ledger.mark_published(run)
            log.info("slices.published", asset=run[0].asset, slices=len(run))

    def _pages(self, run: Sequence[Slice]) -> Iterator[Any]:
        """Pages whose stamps are the starts of their samples."""
        late = timedelta(0)
        if self._settings.source_timestamp_label == "end":
            late = timedelta(seconds=self._settings.sampling_period_s)
        pages = self._connector.pages(
            asset=run[0].asset,
            start=run[0].start + late,
            end=run[-1].end + late,
            variables=run[0].variables,
        )
        for page in prefetch(pages):
            self._heartbeat.beat()
            yield shift_timestamps(page, late) if late else page


def _carried(assets: Sequence[str]) -> Sequence[str]:
    """All assets, none of them longer than one that is named may be: no index would hold it."""
    if long := next((name for name in assets if len(name) > MAX_ASSET_CHARS), None):
        raise InvalidInput(
            "assets",
            f"the source has {long[:50]!r}… of {len(long)} characters, "
            f"{MAX_ASSET_CHARS} are allowed: name the assets that are wanted",
        )
    return assets


def _require_bounded(entry: Entry) -> None:
    """No request is as large; to say what is wrong in all of it would take many times as much."""
    size = sum(len(name) + len(value) for name, value in entry.fields.items())
    if len(entry.fields) > MAX_FIELDS or size > MAX_ENTRY_BYTES:
        raise InvalidInput(
            "too_large",
            f"{len(entry.fields)} fields of {size} bytes; "
            f"{MAX_FIELDS} of {MAX_ENTRY_BYTES} are allowed",
        )


def _is_of_earlier_attempt(entry: Entry, job: Job) -> bool:
    """Whether a retry has put the job on the stream anew since; who puts it there by hand names no
    attempt.
    """
    attempt = entry.fields.get(b"attempt")
    return attempt is not None and _number(attempt) < job.attempt


def _number(text: bytes) -> int:
    if (number := parse_whole_number(text)) is None:
        raise InvalidInput("schema", f"job, attempt and chunk are whole numbers, not {text[:50]!r}")
    return number
