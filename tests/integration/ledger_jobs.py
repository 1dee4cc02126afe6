"""Jobs in each state, for the tests of the ledger."""

from datetime import date
from typing import Any

from sqlalchemy import Engine, text

from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.ledger.ledger import Ledger
from tests.actors import TESTER
from tests.integration.loader import batch, loader

DAY = date(2025, 12, 5)
ASSETS = ("T01", "T02")
VARIABLES = ("wind_speed", "power")


def add(ledger: Ledger, *, key: str | None = None, **fields: Any) -> Job:
    request = JobRequest(**{"variables": VARIABLES, **(fields or {"date": DAY})})
    return ledger.add(
        request, spec=StatisticsSpec(), timezone="UTC", trace="trace-1", key=key, by=TESTER
    )[0]


def started(ledger: Ledger, *, assets: tuple[str, ...] = ASSETS, **fields: Any) -> Job:
    """A job with one slice for each day and asset."""
    job = add(ledger, **fields)
    return ledger.mark_started(job.id, assets=assets, slices_total=len(assets) * len(job.days))


def slices_of(job: Job, *assets: str) -> list[Slice]:
    """The slices of these assets, or of all, ordered by asset and time."""
    return [job.slice_of(asset, range_) for asset in assets or job.assets for range_ in job.spans()]


def load(target: Engine, slice_: Slice) -> None:
    """Load the slice as the loader does, without samples."""
    stats = batch(
        slice_.job, start=slice_.start, length=slice_.end - slice_.start,
        asset=slice_.asset, variables=slice_.variables, spec=slice_.spec,
    )  # fmt: skip
    loader(target, template="{asset}_{variable}_{statistic}_{window}").load([stats])


def fail(ledger: Ledger, id: int, reason: str = "contract") -> Job:
    return ledger.fail(id, reason=reason, error=f"the {reason} broke")


def make_older(target: Engine, hours: int) -> None:
    """Move all times of the ledger into the past."""
    with target.begin() as connection:
        for table, columns in {
            "etl.job": ("created_at", "started_at", "progressed_at"),
            "etl.slice": ("published_at", "loaded_at"),
        }.items():  # fmt: skip
            assignments = ", ".join(f"{c} = {c} - make_interval(hours => :hours)" for c in columns)
            connection.execute(text(f"UPDATE {table} SET {assignments}"), {"hours": hours})


def cancelled(ledger: Ledger) -> Job:
    return ledger.cancel(add(ledger).id, by=TESTER)


def failed(ledger: Ledger) -> Job:
    return fail(ledger, add(ledger).id)


def done(ledger: Ledger) -> Job:
    return started(ledger, assets=())
