"""One job of the extractor: asked for, and followed to its true end."""

import contextlib
import time
from collections.abc import Iterator
from logging import Logger

from dagster import DagsterExecutionInterruptedError, Failure, MetadataValue

from services.orchestrator.settings import job_dates
from shared.clients.extractor import ExtractorClient, Job
from shared.domain.time_range import DateRange
from shared.errors import MinuanoError, Unavailable

SAY_EVERY_S = 1.0


def run_to_completion(
    extractor: ExtractorClient,
    days: DateRange,
    *,
    zone: str,
    variables: tuple[str, ...],
    key: str,
    timeout_s: float,
    log: Logger,
    say_every_s: float = SAY_EVERY_S,
) -> Job:
    """The job of these days when it is done; any other end is a `Failure` that says why. The same
    key again is the same job, also after an `Outage`. Who is interrupted meanwhile cancels it.
    """
    job = _asked(extractor, days, variables, key)
    with _cancelled_with_the_run(extractor, job, log):
        log.info("job %s for %s: %s", job["id"], days, link(extractor, job))
        if job["timezone"] != zone:
            raise _other_days(extractor, job, zone, log)
        job = _followed(extractor, job, timeout_s, log, say_every_s)
    if job["state"] != "done":
        raise _failure(extractor, job, timeout_s, log)
    return job


def link(extractor: ExtractorClient, job: Job) -> str:
    """Where the job is shown."""
    return f"{extractor.url}/jobs/{job['id']}"


def _asked(
    extractor: ExtractorClient, days: DateRange, variables: tuple[str, ...], key: str
) -> Job:
    some = {"variables": list(variables)} if variables else {}
    try:
        return extractor.post(job_dates(days) | some, key=key)
    except Unavailable:
        raise
    except MinuanoError as error:
        raise Failure(f"no job was asked for: {error}") from error


def _followed(
    extractor: ExtractorClient, job: Job, timeout_s: float, log: Logger, say_every_s: float
) -> Job:
    """The job as it stands at its end, or when the time is over."""
    said, at = "", time.monotonic() - say_every_s
    for job in extractor.follow(job["id"], timeout_s=timeout_s):  # noqa: B020 - the same job
        line = _progress(job)
        if line != said and time.monotonic() - at >= say_every_s:
            said, at = line, time.monotonic()
            log.info(line)
    if _progress(job) != said:
        log.info(_progress(job))
    return job


def _progress(job: Job) -> str:
    slices = job["slices"]
    total = "?" if slices["total"] is None else slices["total"]
    return (
        f"job {job['id']} is {job['state']}: {slices['done']} of {total} slices loaded, "
        f"{job['rows']:,} rows read, {job['windows']:,} windows"
    )


@contextlib.contextmanager
def _cancelled_with_the_run(extractor: ExtractorClient, job: Job, log: Logger) -> Iterator[None]:
    try:
        yield
    except (DagsterExecutionInterruptedError, KeyboardInterrupt):
        _cancel(extractor, job, log, "the run was terminated")
        raise


def _cancel(extractor: ExtractorClient, job: Job, log: Logger, why: str) -> None:
    try:
        extractor.change(job["id"], "cancel")
    except MinuanoError as error:  # it has ended meanwhile, or the extractor is away
        log.warning("%s, but job %s could not be cancelled: %s", why, job["id"], error)
    else:
        log.warning("%s: job %s was cancelled; what it has loaded stays", why, job["id"])


def _failure(extractor: ExtractorClient, job: Job, timeout_s: float, log: Logger) -> Failure:
    """Why the job is not done."""
    state, reason, error = job["state"], job["reason"] or "", job["error"] or ""
    if state == "failed":
        why = f"failed ({reason}): {error}"
    elif state == "cancelled":
        reason, why = "cancelled", "was cancelled"
    else:
        reason, why = "timeout", f"is {state} after {timeout_s:g} s (MINUANO_DAGSTER_JOB_TIMEOUT_S)"
        _cancel(extractor, job, log, why)
    told = {
        "job": job["id"],
        "job_link": MetadataValue.url(link(extractor, job)),
        "reason": reason,
        "error": error,
    }
    return Failure(f"job {job['id']} {why}", metadata=told)


def _other_days(extractor: ExtractorClient, job: Job, zone: str, log: Logger) -> Failure:
    why = f"the extractor's days are those of {job['timezone']}, the partitions those of {zone}"
    _cancel(extractor, job, log, why)
    return Failure(f"{why}: set MINUANO_SOURCE_TIMEZONE alike")
