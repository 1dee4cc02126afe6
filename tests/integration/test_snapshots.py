"""A day that changes while it is read is extracted as it was at one moment."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import SecretStr

from cli.embedded import ports
from services.connector import snapshots
from services.connector.__main__ import serve
from services.connector.settings import ConnectorSettings
from services.extractor.chunk_reading import ChunkReading
from services.extractor.sample_client import SampleClient
from shared.clients.settings import ConnectorClientSettings
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY
from shared.errors import InvalidInput, Unavailable
from shared.streams.backoff import Heartbeat
from tests.integration.connector_process import PARK, execute
from tests.polling import wait_until
from tests.unit.batches import DAY

UTC = ZoneInfo("UTC")
ASSETS, DAYS = ("T01", "T02", "T03"), 3
HOURS = """
    CREATE TABLE park (turbine text, stamp timestamptz, power float8, PRIMARY KEY (turbine, stamp));
    INSERT INTO park SELECT t, timestamptz '2025-12-05Z' + n * interval '1 hour', 0
    FROM unnest(ARRAY['T01', 'T02', 'T03']) t, generate_series(0, 71) n
"""
SOURCES = {
    "key": HOURS,
    "no key": f"{HOURS}; ALTER TABLE park DROP CONSTRAINT park_pkey; INSERT INTO park TABLE park",
    "view": f"{HOURS}; ALTER TABLE park RENAME TO base; CREATE VIEW park AS TABLE base",
}
WRITE = """
    BEGIN;
    UPDATE park SET power = power + 1;
    INSERT INTO park
    SELECT turbine, max(stamp) + interval '1 second', max(power) FROM park
    GROUP BY turbine, stamp::date;
    COMMIT
"""
"""The whole source changes: the values of each sample, and each day has one sample more."""


class ObservedClient(SampleClient):
    """Something happens after each response."""

    responses = 0
    afterwards: Callable[[], object] = staticmethod(lambda: None)

    def fetch(
        self,
        path: str,
        params: Mapping[str, Any],
        accept: str,
        decode: Callable[[bytearray, httpx.Headers], Any],
    ) -> Any:
        result = super().fetch(path, params, accept, decode)
        self.responses += 1
        self.afterwards()
        return result


@contextmanager
def client_of(source_url: str, *, page_rows: int, **settings: Any) -> Iterator[ObservedClient]:
    """A client of a connector that serves this source over HTTP."""
    connector_settings = ConnectorSettings(
        source_url=SecretStr(source_url), port=ports.free(), **PARK, **settings
    )
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(connector_settings, stop))
    thread.start()
    url = f"http://127.0.0.1:{connector_settings.port}"
    client = ObservedClient(
        ConnectorClientSettings(connector_url=url),
        page_rows=page_rows, deadline_s=60, attempts=4,
    )  # fmt: skip
    try:
        wait_until(lambda: _is_ready(client), what="the connector")
        with closing(client):
            yield client
    finally:
        stop.set()
        thread.join()


def _is_ready(client: SampleClient) -> bool:
    try:
        client.check()
    except Unavailable:
        return False
    return True


def slices(spec: StatisticsSpec) -> list[Slice]:
    """All slices of three days of three turbines."""
    length = timedelta(seconds=spec.slice_s)
    return [
        Slice(
            job=1, asset=asset, start=DAY + n * length, end=DAY + (n + 1) * length,
            variables=("power",), spec=spec,
        )
        for asset in ASSETS
        for n in range(DAYS * ONE_DAY // length)
    ]  # fmt: skip


def values_by_day(client: SampleClient, of: Sequence[Slice]) -> dict[tuple[str, date], list[float]]:
    """The values of each turbine and day."""
    values = defaultdict[tuple[str, date], list[float]](list)
    reading = ChunkReading(client, of, zone=UTC, offset=timedelta(0), heartbeat=Heartbeat())
    extracted: list[Slice] = []
    for group in reading.groups():
        rows = iter(group.table()["power"].to_pylist())
        for slice_, count in zip(group.slices, group.rows, strict=True):
            values[slice_.asset, slice_.start.date()] += [next(rows) for _ in range(count)]
        extracted += group.slices
    assert sorted(s.identity for s in extracted) == sorted(s.identity for s in of)
    return values


PAGES = {
    "a day has more rows than a page": {"page_rows": 7, "sampling_period_s": 3_600},
    "a day has more rows than expected": {"page_rows": 7, "sampling_period_s": 86_400},
    "a page has a day": {"page_rows": 70, "sampling_period_s": 3_600},
}


@pytest.mark.parametrize("pages", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_day_is_extracted_as_it_was_at_one_moment(
    source_url: str, source: str, pages: dict[str, Any]
) -> None:
    """The source changes after each page: each of its states has one value and one number of
    samples.
    """
    execute(source_url, source)
    with client_of(source_url, **pages) as client:
        client.afterwards = lambda: execute(source_url, WRITE)
        for slice_s in (86_400, 21_600):
            days = values_by_day(client, slices(StatisticsSpec(slice_s=slice_s)))
            assert len(days) == len(ASSETS) * DAYS
            assert {len(set(values)) for values in days.values()} == {1}
            assert len({len(values) - values[0] for values in days.values()}) == 1


def test_a_query_that_fits_on_a_page_is_one_request(source_url: str) -> None:
    execute(source_url, HOURS)
    with client_of(source_url, page_rows=216, sampling_period_s=3_600) as client:
        values_by_day(client, slices(StatisticsSpec()))
        assert client.responses == 1


def test_a_snapshot_that_is_too_large_fails_the_job(
    source_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(source_url, HOURS)
    monkeypatch.setattr(snapshots, "MAX_BYTES", 16 * 24)
    with client_of(source_url, page_rows=7) as client:
        assert len(values_by_day(client, slices(StatisticsSpec()))) == len(ASSETS) * DAYS
        execute(source_url, WRITE)
        with pytest.raises(InvalidInput, match="more than 24 samples of T01") as error:
            values_by_day(client, slices(StatisticsSpec()))
    assert error.value.reason == "too_large"
