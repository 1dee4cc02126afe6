"""Entries as the services make them, in all their shapes: what the mutations begin with."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from services.aggregator.aggregate import aggregate
from shared.domain import batches
from shared.domain.batches import Batch, RawBatch, Slice
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.ledger.ledger import Ledger
from tests.unit.batches import raw_batch

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


def jobs_in(ledger: Ledger) -> list[int]:
    """A job of the ledger for each of `SPECS`, started; the same ones each time."""
    request = JobRequest(date=DAY.date(), variables=VARIABLES)
    found = []
    for n, spec in enumerate(SPECS):
        job, _ = ledger.add(request, spec=spec, timezone="UTC", trace="", key=f"fuzz-{n}")
        total = sum(1 for _ in job.spans())
        found.append(ledger.mark_started(job.id, assets=[""], slices_total=total).id)
    return found


def by_hand() -> list[Fields]:
    """Jobs as a person types them."""
    return [
        {b"date": b"2025-12-05"},
        {b"start": b"2025-12-01", b"end": b"2025-12-10"},
        {b"date": b"2025-12-05", b"variables": b"wind_speed, power", b"assets": b"T01,T02"},
    ]


def of_ledger(jobs: Sequence[int]) -> list[Fields]:
    """Jobs as the extractor passes them on."""
    return [
        fields
        for job in jobs
        for fields in (
            {b"job": b"%d" % job, b"attempt": b"1"},
            {b"job": b"%d" % job, b"attempt": b"1", b"chunk": b"1"},
        )
    ]


def batches_of(jobs: Sequence[int], rng: random.Random) -> Iterator[RawBatch]:
    """A slice of each job with and one without samples."""
    for spec, job in zip(SPECS, jobs, strict=True):
        part = Slice(
            job=job, asset="", start=DAY, end=DAY + timedelta(seconds=spec.slice_s),
            variables=VARIABLES, spec=spec, trace=f"trace-{job}",
        )  # fmt: skip
        rows = min(MAX_ROWS, int(spec.slice_s / spec.period_s))
        seconds = [n * spec.period_s for n in range(rows)]
        yield raw_batch(part, seconds, *([_value(rng) for _ in seconds] for _ in VARIABLES))
        yield raw_batch(part, [], *([] for _ in VARIABLES))


def entries(jobs: Sequence[int], rng: random.Random) -> dict[str, list[Fields]]:
    """By stage, what it reads; `jobs` are those of the ledger, one for each of `SPECS`."""
    made = list(batches_of(jobs, rng))
    return {
        "extractor": [*by_hand(), *of_ledger(jobs)],
        "aggregator": [wire(raw) for raw in made],
        "loader": [wire(aggregate(raw)) for raw in made],
    }


def wire(batch: Batch) -> Fields:
    """The fields as Redis gives them back."""
    return {name.encode(): value for name, value in cast(dict[str, bytes], batch.encode()).items()}


def signed(fields: Fields) -> Fields:
    """With a checksum that agrees with the fields, whatever they are."""
    header = [v for k, v in fields.items() if k not in (b"checksum", b"payload")]
    checksum = batches._checksum(header, fields.get(b"payload", b""))
    return {**fields, b"checksum": checksum}


def _value(rng: random.Random) -> float | None:
    return rng.choice((None, float("nan"), 7.0, rng.uniform(0, 25), rng.uniform(0, 25)))
