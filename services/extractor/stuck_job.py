"""What is known about a job that the streams lost again and again."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from services.extractor.chunks import Chunks, divide_days
from shared.domain.job import Job
from shared.domain.slices import Slice
from shared.ledger.ledger import Ledger

NAMED_SLICES = 3
SLICES_PER_QUERY = 1_000


def stuck_error(job: Job, ledger: Ledger, *, republished: int, since: datetime) -> str:
    """How often the job was published, since when nothing was loaded, and what is missing."""
    return (
        f"published again {republished} times, but the streams lost it each time and no slice was "
        f"loaded since {since:%Y-%m-%d %H:%M} UTC; {_missing_text(job, ledger)}"
    )


def _missing_text(job: Job, ledger: Ledger) -> str:
    if job.slices_total is None:
        return "the job never started"
    named = (
        f"{slice_.asset} {slice_.start:%Y-%m-%d %H:%M} UTC".lstrip()
        for slice_ in islice(_missing_slices(job, ledger), NAMED_SLICES)
    )
    count = job.slices_total - job.loaded
    more = ", …" if count > NAMED_SLICES else ""
    return f"{count} of {job.slices_total} slices are missing: {', '.join(named)}{more}"


def _missing_slices(job: Job, ledger: Ledger) -> Iterator[Slice]:
    chunks = Chunks(job, divide_days(job.spans_by_day(), SLICES_PER_QUERY), SLICES_PER_QUERY)
    for number in range(len(chunks)):
        slices = chunks.slices(number)
        loaded = ledger.loaded_slices(job.id, slices)
        yield from (slice_ for slice_ in slices if slice_.identity not in loaded)
