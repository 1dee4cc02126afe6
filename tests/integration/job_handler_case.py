"""The extractor's job handler with real servers and a fake source."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime
from typing import Any, cast

import pyarrow as pa
import redis
from pydantic import SecretStr
from sqlalchemy import Engine

from services.extractor.job_handler import JobHandler
from services.extractor.job_intake import JobIntake
from services.extractor.sample_page import AssetRun, SamplePage
from services.extractor.settings import ExtractorSettings
from shared.clients.connector import DayFingerprints
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.time_range import ONE_DAY
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Entry, Output, StreamNames
from shared.streams.publisher import Publisher
from tests.actors import TESTER
from tests.integration.loader import batch, loader

FIRST = datetime(2025, 12, 1, tzinfo=UTC)

DaySlice = tuple[str, int]
"""A slice of one day: its asset, and the day of December."""
Query = tuple[tuple[str, ...], datetime, datetime]
"""What was read with one query: the assets, the start and the end."""
ComparedDays = tuple[tuple[str, ...], date, date]
"""What fingerprints were read with one request: the assets, the first and the last day."""


class Source:
    """A fake `SampleClient`. Each asset has one sample at the start of each range, on pages of
    `assets_per_page` assets. `meanwhile` happens while a job asks for the assets.
    """

    def __init__(self) -> None:
        self.queries: list[Query] = []
        self.names = ["T01", "T02"]
        self.variable_names = ["power", "wind_speed"]
        self.assets_per_page = 1_000
        self.has_samples = True
        self.meanwhile: Callable[[], object] = lambda: None
        self.days: list[DayFingerprints] = []
        self.compared: list[ComparedDays] = []

    def variables(self) -> list[str]:
        return self.variable_names

    def assets(self) -> list[str]:
        self.meanwhile()
        return self.names

    def fingerprints(
        self, first: date, last: date, *, variables: Sequence[str], assets: Sequence[str]
    ) -> list[DayFingerprints]:
        self.compared.append((tuple(assets), first, last))
        return [day for day in self.days if day.asset in assets and first <= day.day <= last]

    def pages(
        self,
        *,
        assets: Sequence[str],
        start: datetime,
        end: datetime,
        variables: tuple[str, ...],
        snapshot_s: int,
    ) -> Iterator[SamplePage]:
        self.queries.append((tuple(assets), start, end))
        for first in range(0, len(assets) if self.has_samples else 0, self.assets_per_page):
            on_page = assets[first : first + self.assets_per_page]
            values = {name: pa.array([1.0] * len(on_page)) for name in variables}
            table = pa.table({"timestamp": pa.array([start] * len(on_page), TIMESTAMP), **values})
            yield SamplePage(table, [AssetRun(a, n, n + 1) for n, a in enumerate(on_page)])


class Extractor:
    """The handler of the jobs stream, and its effects."""

    def __init__(self, settings: ExtractorSettings, ledger: Ledger, client: redis.Redis) -> None:
        self.source, self.ledger = Source(), ledger
        self._redis, self._streams = client, StreamNames(settings.stream_prefix)
        connector, heartbeat = cast(Any, self.source), Heartbeat()
        self._intake = JobIntake(settings, ledger, client, connector)
        self._handle = JobHandler(
            settings, ledger, connector,
            Publisher(client, settings, threading.Event(), heartbeat), self._intake, heartbeat,
        )  # fmt: skip

    def job(self, *, days: int = 1, **fields: Any) -> Job:
        """A job for the first days of December."""
        last = FIRST + (days - 1) * ONE_DAY
        request = JobRequest(start=FIRST.date(), end=last.date(), **fields)
        variables = self._intake.variables_of(request)
        return self._intake.accept(request, variables, trace="trace-1", key=None, by=TESTER)[0]

    def handle(self, job: Job, chunk: int | None = None) -> list[int]:
        """Handle an entry of the job; return the chunks that the handler publishes next."""
        fields = {"job": job.id} if chunk is None else {"job": job.id, "chunk": chunk}
        entry = Entry("1-1", {k.encode(): str(v).encode() for k, v in fields.items()})
        return [self._chunk(output) for output in self._handle([entry])]

    def handle_request(self, id: str, **fields: str) -> int:
        """Handle a job request that a person added; return the id of the job."""
        entry = Entry(id, {name.encode(): value.encode() for name, value in fields.items()})
        [output] = self._handle([entry])
        return int(output.fields["job"])

    def lanes(self) -> list[int]:
        """The first chunks of the other lanes."""
        entries: Any = self._redis.xrange(self._streams.jobs)
        return [int(fields[b"chunk"]) for _, fields in entries]

    def batches(self) -> list[RawBatch]:
        """The raw batches on the stream."""
        entries: Any = self._redis.xrange(self._streams.raw)
        return [RawBatch.decode(fields) for _, fields in entries]

    def published(self) -> list[DaySlice]:
        """The slices of the raw batches, in their order."""
        slices = [slice_ for batch in self.batches() for slice_ in batch.slices]
        return [(slice_.asset, slice_.start.day) for slice_ in slices]

    def _chunk(self, output: Output) -> int:
        assert output.stream == self._streams.jobs
        return int(output.fields["chunk"])


Make = Callable[..., Extractor]


@contextmanager
def extractors(target: Engine, redis_settings: RedisSettings) -> Iterator[Make]:
    """A function that creates an extractor with these settings."""
    with ExitStack() as until:

        def make(**changed: Any) -> Extractor:
            settings = ExtractorSettings(
                port=0,
                target_url=SecretStr(target.url.render_as_string(hide_password=False)),
                connector_url="http://127.0.0.1:1",
                **{"source_asset_column": "turbine", **redis_settings.model_dump(), **changed},
            )
            client = until.enter_context(closing(redis_client.connect(settings)))
            return Extractor(settings, Ledger(target), client)

        yield make


def load(target: Engine, job: Job, day_slice: DaySlice) -> None:
    """Load the slice of the job, without samples."""
    asset, day = day_slice
    stats = batch(
        job.id, variables=job.variables, spec=job.spec, asset=asset,
        start=FIRST + (day - 1) * ONE_DAY, length=ONE_DAY,
    )  # fmt: skip
    loader(target).load([stats])
