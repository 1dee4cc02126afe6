"""The handler of the jobs stream: it divides a job into chunks, and publishes the slices of each
chunk as raw batches.

A job runs in `job_parallelism` lanes: lane n takes the chunks n, n + lanes, and so on, one entry
after the other. So several extractors share a large job, and a small job waits for a few chunks of
other jobs at most.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from operator import itemgetter
from zoneinfo import ZoneInfo

from structlog.contextvars import bound_contextvars

from services.extractor.chunk_reading import ChunkReading
from services.extractor.chunks import Chunks, divide_days
from services.extractor.day_fingerprints import day_fingerprints
from services.extractor.job_intake import JobIntake, job_fields
from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from services.extractor.slice_size import too_large
from shared import logs
from shared.domain.actor import ALLOWED, Actor, require_name
from shared.domain.batch_header import Fields
from shared.domain.batches import RawBatch
from shared.domain.job import Job
from shared.domain.job_request import MAX_ASSET_CHARS, JobRequest
from shared.domain.slices import Slice
from shared.domain.time_range import TimeRange
from shared.errors import Conflict, InvalidInput, InvalidParameter, NotFound
from shared.ledger.ledger import Ledger
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Entry, Output, StreamNames, parse_ledger, parse_whole_number
from shared.streams.publisher import Publisher

log = logs.get(__name__)

NO_ASSET_COLUMN = ("",)
"""The assets of a job where the source has no asset column: one asset without a name."""
MAX_FIELDS = 10
MAX_ENTRY_BYTES = 2**20
"""More than the names of all assets and variables that one job may have."""
JOB_FIELDS = {b"job", b"attempt", b"chunk", b"ledger"}


class JobHandler:
    """Reads samples from the connector and publishes raw batches."""

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
        self._last_parts: tuple[object, list[list[TimeRange]]] = (None, [])

    def __call__(self, entries: Sequence[Entry]) -> list[Output]:
        """Each entry is a job request added by a person, a job of the ledger, or a chunk of one."""
        outputs: list[Output] = []
        for entry in entries:
            _require_bounded(entry)
            if b"job" not in entry.fields:
                outputs.append(self._accept(entry))
                continue
            job = self._job_of(entry)
            if job is None:
                log.warning("entry.skipped", id=entry.id, reason="it is of another ledger")
                continue
            chunk = _chunk_of(entry)
            with bound_contextvars(trace=job.trace, job=job.id):
                if job.state in ("done", "cancelled") or _is_of_another_attempt(entry, job):
                    continue
                try:
                    outputs += self._extract(job, chunk)
                except InvalidInput as error:
                    log.warning("job.failed", reason=error.reason, error=str(error))
                    self._ledger.fail(
                        job.id, reason=error.reason, error=str(error), attempt=job.attempt
                    )
        return outputs

    def _accept(self, entry: Entry) -> Output:
        """Add a requested job to the ledger, once per entry id, and return the job's entry."""
        fields = dict(entry.fields)
        by = _actor(entry, fields.pop(b"actor", None))
        request = JobRequest.from_fields(fields)
        try:
            variables = self._intake.variables_of(request)
            job, _ = self._intake.accept(
                request, variables, by=by, trace=entry.id, key=f"stream:{entry.id}"
            )
        except Conflict as error:
            raise InvalidInput("conflict", str(error)) from None
        except InvalidParameter as error:
            raise InvalidInput(error.field, error.message) from None
        log.info("job.accepted", job=job.id, by="stream", trace=job.trace)
        return Output(self._streams.jobs, job_fields(job))

    def _job_of(self, entry: Entry) -> Job | None:
        """The job of the entry; None if the entry is of another ledger. An entry that a person adds
        names no ledger.
        """
        if unknown := set(entry.fields) - JOB_FIELDS:
            raise InvalidInput(
                "schema",
                f"unknown field {min(unknown)[:50]!r}: ledger, job, attempt and chunk are allowed",
            )
        ledger = parse_ledger(entry.fields)
        try:
            job = self._ledger.job(_number(entry.fields[b"job"]))
        except NotFound as error:
            if ledger not in (None, self._ledger.identity().current):
                return None
            raise InvalidInput("unknown_job", str(error)) from None
        return job if ledger in (None, job.ledger) else None

    def _extract(self, job: Job, chunk: int | None) -> list[Output]:
        """Publish one chunk of the job, the first one for `None`; return the entry of the next. The
        first page is read while the job is marked as started.
        """
        if job.started_at is None:
            job = self._plan(job)
        if job.only_changed:  # its unchanged slices are marked before any page is read
            started = self._start(job)
            if _was_stopped(started, job):
                return []
            job = started
        chunks = Chunks(job, self._parts(job), self._settings.chunk_slices)
        number = chunk or 0
        missing = self._missing(job, chunks.slices(number))
        with closing(self._read(job, missing)) as reading:
            started = self._start(job)
            if _was_stopped(started, job):
                return []
            if started.assets != job.assets:  # another extractor was faster
                return self._extract(started, chunk)
            if chunk is None:
                lanes = range(1, min(self._settings.job_parallelism, len(chunks)))
                self._publisher.add(self._chunk_entry(job, lane) for lane in lanes)
            self._publish(reading)
        next_chunk = number + self._settings.job_parallelism
        return [self._chunk_entry(job, next_chunk)] if next_chunk < len(chunks) else []

    def _chunk_entry(self, job: Job, chunk: int) -> Output:
        return Output(self._streams.jobs, job_fields(job, chunk))

    def _parts(self, job: Job) -> Sequence[Sequence[TimeRange]]:
        """The time ranges of the slices of an asset, divided for chunks. Those of the last job are
        kept; a restored ledger may give its number again.
        """
        last = job.ledger, job.id
        if self._last_parts[0] != last:
            self._last_parts = last, divide_days(job.spans_by_day(), self._settings.chunk_slices)
        return self._last_parts[1]

    def _plan(self, job: Job) -> Job:
        """The job with its assets, and so with its slices. `InvalidInput` for an unknown name."""
        if error := self._intake.unknown_variable(job.variables, job.spec):
            raise error
        return replace(job, assets=tuple(self._assets(job)))

    def _start(self, job: Job) -> Job:
        """The job as the ledger has it, marked as started."""
        if job.started_at is not None:
            return job
        total = len(job.assets) * sum(map(len, self._parts(job)))
        log.info("job.started", assets=len(job.assets), slices=total)
        return self._ledger.mark_started(job.id, assets=job.assets, slices_total=total)

    def _assets(self, job: Job) -> Sequence[str]:
        """The requested assets, else all of the source and of the target: assets that only the
        target has lose their windows.
        """
        if not self._settings.source_asset_column:
            return NO_ASSET_COLUMN
        if job.assets and not self._intake.assets.unknown(job.assets)[0]:
            return job.assets
        known = sorted({*self._connector.assets(), *self._ledger.loaded_assets(job)})
        if unknown := [name for name in job.assets if name not in known]:
            raise InvalidInput("assets", f"the source has no {unknown[0]}")
        return job.assets or _require_short_names(known)

    def _missing(self, job: Job, chunk: Sequence[Slice]) -> list[Slice]:
        """The slices of the chunk that are not loaded yet."""
        loaded = self._ledger.loaded_slices(job.id, chunk) if job.progressed_at else set()
        missing = [slice_ for slice_ in chunk if slice_.identity not in loaded]
        return self._changed(job, missing) if job.only_changed else missing

    def _read(self, job: Job, slices: Sequence[Slice]) -> ChunkReading:
        return ChunkReading(
            self._connector, slices, zone=ZoneInfo(job.timezone),
            offset=self._settings.label_offset, heartbeat=self._heartbeat,
        )  # fmt: skip

    def _publish(self, reading: ChunkReading) -> None:
        """Publish the slices of a chunk, then mark them as published."""
        published: list[Slice] = []
        started = time.perf_counter()
        for group in reading.groups():
            extract_ms = (time.perf_counter() - started) * 1000
            batch = RawBatch(
                slices=tuple(group.slices), table=group.table(), rows=tuple(group.rows),
                extract_ms=extract_ms,
            )  # fmt: skip
            self._publisher.publish(Output(self._streams.raw, _encode(batch)))
            self._heartbeat.beat()
            log.info("slices.published", asset=batch.slices[0].asset, slices=len(batch.slices))
            published += batch.slices
            started = time.perf_counter()
        if published:
            self._ledger.mark_published(published)

    def _changed(self, job: Job, slices: Sequence[Slice]) -> list[Slice]:
        """The slices without those that are unchanged, which are marked as loaded."""
        zone = ZoneInfo(job.timezone)
        if not slices or zone != self._settings.zone:  # the connector has days of another zone
            return list(slices)
        days = day_fingerprints(self._connector, slices, zone)
        same = self._ledger.mark_unchanged(slices, days, zone)
        log.info("slices.unchanged", slices=len(same), of=len(slices))
        return [slice_ for slice_ in slices if slice_.identity not in same]


def _encode(batch: RawBatch) -> Fields:
    """The fields of the stream entry; `InvalidInput` names the largest slice if they are too
    large.
    """
    try:
        return batch.encode()
    except InvalidInput:
        rows, largest = max(zip(batch.rows, batch.slices, strict=True), key=itemgetter(0))
        raise too_large(largest, rows) from None


def _require_short_names(assets: Sequence[str]) -> Sequence[str]:
    """The assets; `InvalidInput` if a name is too long for the target's indexes."""
    if long := next((name for name in assets if len(name) > MAX_ASSET_CHARS), None):
        raise InvalidInput(
            "assets",
            f"the source has {long[:50]!r}… of {len(long)} characters; "
            f"{MAX_ASSET_CHARS} are allowed: list the assets to extract in the job",
        )
    return assets


def _require_bounded(entry: Entry) -> None:
    """`InvalidInput` for an entry that is larger than any job: an error message that lists all its
    errors would be many times larger.
    """
    size = sum(len(name) + len(value) for name, value in entry.fields.items())
    if len(entry.fields) > MAX_FIELDS or size > MAX_ENTRY_BYTES:
        raise InvalidInput(
            "too_large",
            f"{len(entry.fields)} fields of {size} bytes in all; "
            f"{MAX_FIELDS} fields of {MAX_ENTRY_BYTES} bytes are allowed",
        )


def _actor(entry: Entry, said: bytes | None) -> Actor:
    """Who added the entry, as it says; else its id."""
    try:
        return Actor("stream", entry.id if said is None else require_name(said.decode()))
    except ValueError:
        raise InvalidInput("schema", f"actor: {ALLOWED} are allowed") from None


def _is_of_another_attempt(entry: Entry, job: Job) -> bool:
    """Whether the job was retried after this entry was published; an entry that a person adds has
    no attempt.
    """
    attempt = entry.fields.get(b"attempt")
    return attempt is not None and _number(attempt) != job.attempt


def _was_stopped(now: Job, before: Job) -> bool:
    """Whether the job was cancelled or retried since it was read; it may have no assets yet."""
    return now.is_ended or now.attempt != before.attempt


def _chunk_of(entry: Entry) -> int | None:
    """The chunk of the job; None for its first entry."""
    chunk = entry.fields.get(b"chunk")
    return None if chunk is None else _number(chunk)


def _number(text: bytes) -> int:
    if (number := parse_whole_number(text)) is None:
        raise InvalidInput(
            "schema", f"job, attempt and chunk must be whole numbers, not {text[:50]!r}"
        )
    return number
