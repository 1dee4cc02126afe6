"""Valid entries of all kinds that services and users write. The mutations start from these."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from services.aggregator.aggregate import aggregate
from shared.domain import batch_header
from shared.domain.batches import Batch, RawBatch
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.ledger.ledger import Ledger
from tests.actors import TESTER
from tests.unit.batches import joined, raw_batch
from tests.unit.wire import wire

Fields = dict[bytes, bytes]

STAGES = {"extractor": "jobs", "aggregator": "raw", "loader": "stats"}
DAY = datetime(2025, 12, 5, tzinfo=UTC)
VARIABLES = ("wind_speed", "power")
SPECS = (
    StatisticsSpec(slice_s=3_600),
    StatisticsSpec(),
    StatisticsSpec(window_s=60, period_s=1.0, statistics=("std",), ddof=0, slice_s=3_600),
    StatisticsSpec(
        window_s=1_200,
        circular_variables=("power",),
        flatline_s=300.0,
        value_limits={"wind_speed": (0.0, 50.0)},
    ),
    StatisticsSpec(window_s=1, period_s=0.5, statistics=("mean", "max"), slice_s=600),
)
MAX_ROWS = 1_500
SLICES = 3
"""Of a batch with several."""


def create_jobs(ledger: Ledger) -> list[Job]:
    """Add a started job to the ledger for each of `SPECS`; later calls return the same jobs."""
    last = (DAY + timedelta(days=SLICES - 1)).date()
    request = JobRequest(start=DAY.date(), end=last, variables=VARIABLES)
    jobs = []
    for n, spec in enumerate(SPECS):
        job, _ = ledger.add(
            request, spec=spec, timezone="UTC", trace="", key=f"fuzz-{n}", by=TESTER
        )
        total = sum(1 for _ in job.spans())
        jobs.append(ledger.mark_started(job.id, assets=[""], slices_total=total))
    return jobs


def jobs_of_users() -> list[Fields]:
    """Jobs as users add them with XADD."""
    return [
        {b"date": b"2025-12-05"},
        {b"start": b"2025-12-01", b"end": b"2025-12-10"},
        {b"date": b"2025-12-05", b"variables": b"wind_speed, power", b"assets": b"T01,T02"},
    ]


def jobs_of_the_extractor(jobs: Sequence[Job]) -> list[Fields]:
    """Jobs as the extractor publishes them."""
    return [
        fields
        for job in jobs
        for fields in (
            {b"job": b"%d" % job.id, b"attempt": b"1"},
            {b"ledger": job.ledger.encode(), b"job": b"%d" % job.id, b"attempt": b"1"},
            {b"job": b"%d" % job.id, b"attempt": b"1", b"chunk": b"1"},
        )
    ]


def raw_batches(jobs: Sequence[Job], rng: random.Random) -> Iterator[RawBatch]:
    """For each job a slice with samples, one without, and a batch of several slices."""
    for spec, job in zip(SPECS, jobs, strict=True):
        length = timedelta(seconds=spec.slice_s)
        slices = [
            Slice(
                job=job.id, ledger=job.ledger, asset="",
                start=DAY + n * length, end=DAY + (n + 1) * length,
                variables=VARIABLES, spec=spec, trace=job.trace,
            )
            for n in range(SLICES)
        ]  # fmt: skip
        rows = min(MAX_ROWS, int(spec.slice_s / spec.period_s))
        yield _samples(slices[0], rows, rng)
        yield _samples(slices[0], 0, rng)
        yield joined(*(_samples(s, rows // 10 * (n % 2), rng) for n, s in enumerate(slices)))


def _samples(slice_: Slice, rows: int, rng: random.Random) -> RawBatch:
    seconds = [n * slice_.spec.period_s for n in range(rows)]
    return raw_batch(slice_, seconds, *([_draw_value(rng) for _ in seconds] for _ in VARIABLES))


def entries_by_stage(jobs: Sequence[Job], rng: random.Random) -> dict[str, list[Fields]]:
    """Entries by the stage that reads them; `jobs` are the jobs of `create_jobs`."""
    raws = list(raw_batches(jobs, rng))
    return {
        "extractor": [*jobs_of_users(), *jobs_of_the_extractor(jobs)],
        "aggregator": list(_entries(raws)),
        "loader": list(_entries([aggregate(raw) for raw in raws])),
    }


def _entries(batches: Sequence[Batch]) -> Iterator[Fields]:
    """The entries of the batches, in the version before this one too."""
    for batch in batches:
        yield wire(batch)
        if len(batch.slices) == 1:
            yield as_previous_version(wire(batch))


def as_previous_version(fields: Fields) -> Fields:
    """An entry of one slice in version 1."""
    [[asset, start, end, rows]] = slices_of(fields)
    kept = {k: v for k, v in fields.items() if k not in (b"slices", b"ledger")}
    own = {
        b"v": batch_header.PREVIOUS_VERSION, b"asset": asset.encode(), b"start": start.encode(),
        b"end": end.encode(), b"rows": b"%d" % rows,
    }  # fmt: skip
    return with_checksum({**kept, **own})


def slices_of(fields: Fields) -> list[list[Any]]:
    """The list of slices of an entry; empty if an earlier mutation made it unreadable."""
    try:
        slices = orjson.loads(fields[b"slices"])
    except (KeyError, ValueError):
        return []
    is_list = isinstance(slices, list) and all(
        isinstance(item, list) and len(item) == 4 and isinstance(item[3], int) for item in slices
    )
    return slices if is_list else []


def with_checksum(fields: Fields) -> Fields:
    """The fields with the correct checksum."""
    header = [v for k, v in fields.items() if k not in (b"checksum", b"payload")]
    checksum = batch_header.checksum(header, fields.get(b"payload", b""))
    return {**fields, b"checksum": checksum}


def _draw_value(rng: random.Random) -> float | None:
    return rng.choice((None, float("nan"), 7.0, rng.uniform(0, 25), rng.uniform(0, 25)))
