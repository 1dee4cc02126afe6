"""One job of the extractor, from its request to its end."""

import time
from collections.abc import Mapping
from logging import Logger
from typing import Any

from dagster import DagsterExecutionInterruptedError, Failure, MetadataValue

from shared.clients.extractor import ExtractorClient, Job
from shared.domain.actor import Actor
from shared.domain.time_range import DateRange
from shared.errors import MinuanoError, Unavailable

LOG_EVERY_S = 1.0


def run_to_completion(
    extractor: ExtractorClient,
    days: DateRange,
    *,
    zone: str,
    variables: tuple[str, ...],
    only_changed: bool,
    run: str,
    timeout_s: float,
    log: Logger,
    log_every_s: float = LOG_EVERY_S,
) -> Job:
    """Submit a job of these days, or only of their slices that have changed, and return it when it
    is done. Raises `Failure` with the reason if it ends otherwise, and `Unavailable` if the
    extractor does not answer. The same run id returns the same job, also after `Unavailable`. An
    interrupted run cancels its job. The audit log names the run.
    """
    selection: dict[str, Any] = {"variables": list(variables)}
    if only_changed:
        selection["only"] = "changed"
    by = Actor("dagster", run)
    job = _submit(extractor, days, selection, by)
    try:
        log.info("job %s for %s: %s", job["id"], days, link(extractor, job))
        if job["timezone"] != zone:
            why = f"the extractor's days are in {job['timezone']}, Dagster's partitions in {zone}"
            _cancel(extractor, job, log, why, by)
            raise Failure(f"{why}: set the same MINUANO_SOURCE_TIMEZONE for both")
        job = _follow(extractor, job, timeout_s, log, log_every_s)
    except (DagsterExecutionInterruptedError, KeyboardInterrupt):
        _cancel(extractor, job, log, "the run was terminated", by)
        raise
    if job["state"] != "done":
        raise _failure(extractor, job, timeout_s, log, by)
    return job


def link(extractor: ExtractorClient, job: Job) -> str:
    """The URL of the job in the extractor's API."""
    return f"{extractor.url}/jobs/{job['id']}"


def _submit(
    extractor: ExtractorClient, days: DateRange, selection: Mapping[str, Any], by: Actor
) -> Job:
    dates = {"start": days.first.isoformat(), "end": days.last.isoformat()}
    try:
        return extractor.post({**dates, **selection}, by=by, key=f"dagster:{by.name}")
    except Unavailable:
        raise
    except MinuanoError as error:
        raise Failure(f"the extractor refused the job: {error}") from error


def _follow(
    extractor: ExtractorClient, job: Job, timeout_s: float, log: Logger, log_every_s: float
) -> Job:
    """The job at its end, or after `timeout_s`."""
    logged, logged_at = "", time.monotonic() - log_every_s
    for job in extractor.follow(job["id"], timeout_s=timeout_s):  # noqa: B020 - the same job
        progress = _progress(job)
        if progress != logged and time.monotonic() - logged_at >= log_every_s:
            logged, logged_at = progress, time.monotonic()
            log.info(progress)
    if _progress(job) != logged:
        log.info(_progress(job))
    return job


def _progress(job: Job) -> str:
    slices = job["slices"]
    total = "?" if slices["total"] is None else slices["total"]
    waiting = job["waiting"]
    reason = f"; {': '.join(filter(None, (waiting['for'], waiting['error'])))}" if waiting else ""
    return (
        f"job {job['id']} is {job['state']}: {slices['done']} of {total} slices loaded, "
        f"{job['rows']:,} rows read, {job['windows']:,} windows{reason}"
    )


def _cancel(extractor: ExtractorClient, job: Job, log: Logger, why: str, by: Actor) -> None:
    try:
        extractor.change(job["id"], "cancel", by=by)
    except MinuanoError as error:  # it has ended meanwhile, or the extractor does not answer
        log.warning("%s, but job %s could not be cancelled: %s", why, job["id"], error)
    else:
        log.warning("%s: job %s was cancelled; the windows that it loaded stay", why, job["id"])


def _failure(
    extractor: ExtractorClient, job: Job, timeout_s: float, log: Logger, by: Actor
) -> Failure:
    """The failure of a job that is not done."""
    state, reason, error = job["state"], job["reason"] or "", job["error"] or ""
    if state == "failed":
        why = f"failed ({reason}): {error}"
    elif state == "cancelled":
        reason, why = "cancelled", "was cancelled"
    else:
        reason, why = "timeout", f"is {state} after {timeout_s:g} s (MINUANO_DAGSTER_JOB_TIMEOUT_S)"
        _cancel(extractor, job, log, why, by)
    metadata = {
        "job": job["id"],
        "job_link": MetadataValue.url(link(extractor, job)),
        "reason": reason,
        "error": error,
    }
    return Failure(f"job {job['id']} {why}", metadata=metadata)
