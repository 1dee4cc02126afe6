"""The job handler leaves out slices that are unchanged."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from services.extractor.day_fingerprints import day_fingerprints
from shared.clients.connector import MAX_DAYS, MAX_DAYS_OF_ASSET, DayFingerprints
from shared.domain.fingerprint import to_text
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY
from shared.settings import RedisSettings
from tests.integration.job_handler_case import (
    FIRST,
    ComparedDays,
    Extractor,
    Make,
    Source,
    extractors,
    load,
)

DAYS = (FIRST.date(), FIRST.date() + ONE_DAY)
BOTH = ("T01", "T02")
BERLIN = ZoneInfo("Europe/Berlin")
LONG_DAY = date(2025, 10, 26)


@pytest.fixture
def make(target: Engine, redis_settings: RedisSettings) -> Iterator[Make]:
    with extractors(target, redis_settings) as make:
        yield make


@pytest.fixture
def loaded(make: Make, target: Engine) -> Extractor:
    """Two days of both turbines are loaded, without samples."""
    extractor = make()
    job = extractor.job(days=2)
    extractor.ledger.mark_started(job.id, assets=BOTH, slices_total=4)
    for asset in BOTH:
        for day in (1, 2):
            load(target, job, (asset, day))
    return extractor


def changed(asset: str, day: date) -> DayFingerprints:
    """The fingerprints of a day that has samples now."""
    texts = {"wind_speed": to_text(1), "power": to_text(2)}
    return DayFingerprints(asset=asset, day=day, rows=1, fingerprints=texts)


def test_only_changed_slices_are_read_and_published(loaded: Extractor) -> None:
    loaded.source.days = [changed("T02", DAYS[1])]
    job = loaded.job(days=2, only="changed")
    loaded.handle(job)
    assert loaded.source.compared == [(BOTH, *DAYS)]
    assert [assets for assets, *_ in loaded.source.queries] == [("T02",)]
    assert loaded.published() == [("T02", 2)]
    updated = loaded.ledger.job(job.id)
    assert (updated.published, updated.loaded, updated.unchanged) == (4, 3, 3)


def test_a_job_without_the_option_reads_no_fingerprints(loaded: Extractor) -> None:
    loaded.handle(loaded.job(days=2))
    assert loaded.source.compared == []
    assert len(loaded.published()) == 4


def test_a_chunk_that_is_handled_again_compares_only_what_is_not_loaded(loaded: Extractor) -> None:
    loaded.source.days = [changed("T02", DAYS[1])]
    job = loaded.job(days=2, only="changed")
    for _ in range(2):
        loaded.handle(job)
    assert loaded.source.compared[1:] == [(("T02",), DAYS[1], DAYS[1])]
    assert loaded.published() == [("T02", 2)] * 2
    assert loaded.ledger.job(job.id).unchanged == 3


def test_the_job_is_done_when_all_its_slices_are_unchanged(loaded: Extractor) -> None:
    job = loaded.job(days=2, only="changed")
    assert loaded.handle(job) == []
    assert (loaded.ledger.job(job.id).state, loaded.published()) == ("done", [])


def test_days_of_another_time_zone_cannot_be_compared(loaded: Extractor, make: Make) -> None:
    job = loaded.job(days=2, only="changed")
    extractor = make(source_timezone="Europe/Berlin")
    extractor.handle(job)
    assert extractor.source.compared == []
    assert len(extractor.published()) == 4


def test_a_request_on_the_stream_may_be_for_changed_slices_only(loaded: Extractor) -> None:
    fields: list[dict[str, str]] = [{}, {"only": "changed"}]
    ids = [
        loaded.handle_request(f"5-{n}", date="2025-12-01", **more) for n, more in enumerate(fields)
    ]
    assert [loaded.ledger.job(id).only_changed for id in ids] == [False, True]


def compared(first: date, days: int, assets: Sequence[str], slice_s: int) -> list[ComparedDays]:
    """The requests for the fingerprints of these days in Berlin."""
    source, spec = Source(), StatisticsSpec(slice_s=slice_s)
    slices = [
        Slice(job=1, asset=asset, start=start, end=end, variables=("power",), spec=spec)
        for asset in assets
        for n in range(days)
        for start, end in spec.spans(first + n * ONE_DAY, BERLIN)
    ]
    assert list(day_fingerprints(cast(Any, source), slices, BERLIN)) == []
    return source.compared


@pytest.mark.parametrize("slice_s", [3600, 86_400])
def test_the_days_of_slices_are_local_days(slice_s: int) -> None:
    last = LONG_DAY + ONE_DAY
    assert compared(LONG_DAY, 2, BOTH, slice_s) == [(BOTH, LONG_DAY, last)]


@pytest.mark.parametrize(("assets", "most"), [(("T01",), MAX_DAYS_OF_ASSET), (BOTH, MAX_DAYS)])
def test_a_request_has_as_many_days_as_the_connector_allows(
    assets: tuple[str, ...], most: int
) -> None:
    last = LONG_DAY + (most - 1) * ONE_DAY
    assert compared(LONG_DAY, most, assets, 86_400) == [(assets, LONG_DAY, last)]
    after = last + ONE_DAY
    assert compared(LONG_DAY, most + 1, assets, 86_400) == [
        (assets, LONG_DAY, last), (assets, after, after),
    ]  # fmt: skip
