"""Valid entries of all kinds that services and users write. The mutations start from these."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from services.aggregator.aggregate import aggregate
from shared.domain import batches
from shared.domain.batches import Batch, RawBatch
from shared.domain.job_request import JobRequest
from shared.domain.slices import Slice
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


def create_jobs(ledger: Ledger) -> list[int]:
    """Add a started job to the ledger for each of `SPECS`; later calls return the same jobs."""
    request = JobRequest(date=DAY.date(), variables=VARIABLES)
    ids = []
    for n, spec in enumerate(SPECS):
        job, _ = ledger.add(request, spec=spec, timezone="UTC", trace="", key=f"fuzz-{n}")
        total = sum(1 for _ in job.spans())
        ids.append(ledger.mark_started(job.id, assets=[""], slices_total=total).id)
    return ids


def jobs_of_users() -> list[Fields]:
    """Jobs as users add them with XADD."""
    return [
        {b"date": b"2025-12-05"},
        {b"start": b"2025-12-01", b"end": b"2025-12-10"},
        {b"date": b"2025-12-05", b"variables": b"wind_speed, power", b"assets": b"T01,T02"},
    ]


def jobs_of_the_extractor(jobs: Sequence[int]) -> list[Fields]:
    """Jobs as the extractor publishes them."""
    return [
        fields
        for job in jobs
        for fields in (
            {b"job": b"%d" % job, b"attempt": b"1"},
            {b"job": b"%d" % job, b"attempt": b"1", b"chunk": b"1"},
        )
    ]


def raw_batches(jobs: Sequence[int], rng: random.Random) -> Iterator[RawBatch]:
    """For each job a slice with samples and one without."""
    for spec, job in zip(SPECS, jobs, strict=True):
        slice_ = Slice(
            job=job, asset="", start=DAY, end=DAY + timedelta(seconds=spec.slice_s),
            variables=VARIABLES, spec=spec, trace=f"trace-{job}",
        )  # fmt: skip
        rows = min(MAX_ROWS, int(spec.slice_s / spec.period_s))
        seconds = [n * spec.period_s for n in range(rows)]
        yield raw_batch(slice_, seconds, *([_draw_value(rng) for _ in seconds] for _ in VARIABLES))
        yield raw_batch(slice_, [], *([] for _ in VARIABLES))


def entries_by_stage(jobs: Sequence[int], rng: random.Random) -> dict[str, list[Fields]]:
    """Entries by the stage that reads them; `jobs` are the jobs of `create_jobs`."""
    batches = list(raw_batches(jobs, rng))
    return {
        "extractor": [*jobs_of_users(), *jobs_of_the_extractor(jobs)],
        "aggregator": [encode(raw) for raw in batches],
        "loader": [encode(aggregate(raw)) for raw in batches],
    }


def encode(batch: Batch) -> Fields:
    """The fields as Redis returns them."""
    return {name.encode(): value for name, value in cast(dict[str, bytes], batch.encode()).items()}


def with_checksum(fields: Fields) -> Fields:
    """The fields with the correct checksum."""
    header = [v for k, v in fields.items() if k not in (b"checksum", b"payload")]
    checksum = batches._checksum(header, fields.get(b"payload", b""))
    return {**fields, b"checksum": checksum}


def _draw_value(rng: random.Random) -> float | None:
    return rng.choice((None, float("nan"), 7.0, rng.uniform(0, 25), rng.uniform(0, 25)))
