"""The slices of a job that the extractor publishes, and their order."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from services.extractor.chunks import MAX_NAMES_BYTES
from shared.domain.time_range import ONE_DAY
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.job_handler_case import (
    FIRST,
    DaySlice,
    Extractor,
    Make,
    Query,
    extractors,
    load,
)
from tests.integration.loader import batch, loader, new_job, sliced, steady

PERIOD = timedelta(seconds=60)


@pytest.fixture
def extractor_with(target: Engine, redis_settings: RedisSettings) -> Iterator[Make]:
    """Creates an extractor with these settings."""
    with extractors(target, redis_settings) as make:
        yield make


@pytest.fixture
def extractor(extractor_with: Make) -> Extractor:
    """An extractor with chunks of two slices and two lanes."""
    return extractor_with(chunk_slices=2, job_parallelism=2)


def test_a_small_job_is_published_with_its_first_entry(extractor: Extractor) -> None:
    assert extractor.handle(extractor.job(days=2, assets=("T02",))) == []
    assert (extractor.published(), extractor.lanes()) == ([("T02", 1), ("T02", 2)], [])


def test_the_first_entry_of_a_job_starts_all_lanes(extractor_with: Make) -> None:
    extractor = extractor_with(chunk_slices=1, job_parallelism=3)
    assert extractor.handle(extractor.job(days=5, assets=("T01",))) == [3]
    assert (extractor.published(), extractor.lanes()) == ([("T01", 1)], [1, 2])


def test_a_job_has_at_most_as_many_lanes_as_chunks(extractor_with: Make) -> None:
    extractor = extractor_with(chunk_slices=1, job_parallelism=9)
    assert extractor.handle(extractor.job(days=3, assets=("T01",))) == []
    assert extractor.lanes() == [1, 2]


@pytest.mark.parametrize(
    ("chunk", "published", "next_chunks"),
    [
        (0, [("T01", 1), ("T01", 2)], [2]),
        (1, [("T01", 3)], [3]),
        (2, [("T02", 1), ("T02", 2)], []),
        (3, [("T02", 3)], []),
        (4, [], []),
    ],
)
def test_a_chunk_holds_slices_of_one_asset_and_publishes_the_next_chunk_of_its_lane(
    extractor: Extractor, chunk: int, published: list[DaySlice], next_chunks: list[int]
) -> None:
    assert extractor.handle(extractor.job(days=3), chunk) == next_chunks
    assert extractor.published() == published


@pytest.mark.parametrize("chunk", [None, 1])
def test_a_cancelled_job_is_not_extracted(extractor: Extractor, chunk: int | None) -> None:
    job = extractor.job(days=3)
    extractor.handle(job, 3)
    before = (extractor.published(), list(extractor.source.queries))
    extractor.ledger.cancel(job.id, by=TESTER)
    assert extractor.handle(job, chunk) == []
    assert (extractor.published(), extractor.source.queries) == before


def test_a_finished_job_is_not_started_again(extractor: Extractor, target: Engine) -> None:
    job = extractor.job(days=3, assets=("T01",))
    extractor.handle(job)
    for day in (1, 2, 3):
        load(target, job, ("T01", day))
    assert extractor.handle(job) == []
    assert (extractor.lanes(), len(extractor.source.queries)) == ([1], 1)


def test_loaded_slices_are_not_published_again(extractor_with: Make, target: Engine) -> None:
    extractor = extractor_with()
    job = extractor.job(days=3, assets=("T01",))
    extractor.handle(job)
    load(target, job, ("T01", 2))
    extractor.handle(job)
    days = [1, 2, 3, 1, 3]
    assert extractor.published() == [("T01", day) for day in days]


def test_adjacent_slices_are_read_with_one_query(extractor_with: Make) -> None:
    extractor = extractor_with()
    extractor.handle(extractor.job(days=3, assets=("T01",)))
    assert extractor.source.queries == [(("T01",), FIRST, FIRST + 3 * ONE_DAY)]


def test_the_slices_of_several_queries_are_one_batch(extractor_with: Make, target: Engine) -> None:
    extractor = extractor_with()
    job = extractor.job(days=3, assets=("T01",))
    extractor.handle(job)
    load(target, job, ("T01", 2))
    extractor.source.has_samples = False
    extractor.handle(job)
    assert [[s.start.day for s in raw.slices] for raw in extractor.batches()] == [[1, 2, 3], [1, 3]]


def test_of_two_extractors_that_start_a_job_the_first_decides_its_assets(
    extractor_with: Make,
) -> None:
    first, second = extractor_with(), extractor_with()
    job = first.job()
    second.source.names = ["T01", "T03"]
    second.source.meanwhile = lambda: first.handle(job)
    second.handle(job)
    assert sorted(second.published()) == [("T01", 1), ("T01", 1), ("T02", 1), ("T02", 1)]


def days(*assets: str, first: int, last: int) -> Query:
    """The query for these days of December."""
    return assets, FIRST + (first - 1) * ONE_DAY, FIRST + last * ONE_DAY


def test_the_slices_of_several_assets_are_one_query_and_one_batch(extractor_with: Make) -> None:
    extractor = extractor_with()
    extractor.handle(extractor.job(days=3))
    assert extractor.source.queries == [days("T01", "T02", first=1, last=3)]
    [raw] = extractor.batches()
    grid = [(asset, day) for asset in ("T01", "T02") for day in (1, 2, 3)]
    with_rows = [(asset, 1) for asset in ("T01", "T02")]
    assert sorted(extractor.published()) == grid
    slices = zip(raw.slices, raw.rows, strict=True)
    assert [(s.asset, s.start.day) for s, rows in slices if rows] == with_rows


def test_a_chunk_has_all_days_of_several_assets(extractor_with: Make) -> None:
    extractor = extractor_with(chunk_slices=5, job_parallelism=1)
    extractor.source.names = ["T01", "T02", "T03", "T04", "T05"]
    job = extractor.job(days=2)
    assert [extractor.handle(job), extractor.handle(job, 1), extractor.handle(job, 2)] == [
        [1], [2], [],
    ]  # fmt: skip
    assert extractor.source.queries == [
        days("T01", "T02", first=1, last=2),
        days("T03", "T04", first=1, last=2),
        days("T05", first=1, last=2),
    ]


def test_only_missing_slices_are_read_and_those_of_the_same_days_together(
    extractor_with: Make, target: Engine
) -> None:
    extractor = extractor_with()
    extractor.source.names = ["T01", "T02", "T03", "T04"]
    job = extractor.job(days=3)
    extractor.handle(job)
    for slice_ in [("T01", 2), ("T02", 1), ("T03", 2), *(("T04", day) for day in (1, 2, 3))]:
        load(target, job, slice_)
    before = len(extractor.published())
    extractor.source.queries.clear()
    extractor.handle(job)
    assert extractor.source.queries == [
        days("T01", "T03", first=1, last=1),
        days("T01", "T03", first=3, last=3),
        days("T02", first=2, last=3),
    ]
    missing = [("T01", 1), ("T01", 3), ("T02", 2), ("T02", 3), ("T03", 1), ("T03", 3)]
    assert sorted(extractor.published()[before:]) == missing


def test_assets_of_any_name_are_read_together(extractor_with: Make) -> None:
    extractor = extractor_with()
    names = [" T01", "Ø 3.β", "T01, north", "T01,T02", "风机 7", "a=b&c d+e%20"]
    extractor.source.names = names
    extractor.handle(extractor.job())
    assert extractor.source.queries == [days(*sorted(names), first=1, last=1)]
    assert sorted(extractor.published()) == [(name, 1) for name in sorted(names)]


def test_more_assets_than_fit_into_a_url_are_several_queries(extractor_with: Make) -> None:
    extractor = extractor_with()
    extractor.source.names = names = [f"{'ø' * 150}{n:02}" for n in range(40)]
    extractor.source.assets_per_page = 5
    extractor.handle(extractor.job())
    queries = [assets for assets, *_ in extractor.source.queries]
    assert [name for assets in queries for name in assets] == names
    sizes = [sum(len(f"&asset={quote(name)}") for name in assets) for assets in queries]
    assert len(queries) > 1
    assert max(sizes) <= MAX_NAMES_BYTES
    assert sorted(extractor.published()) == [(name, 1) for name in names]


def test_a_batch_names_its_ledger_and_attempt(extractor: Extractor) -> None:
    extractor.handle(extractor.job())
    [batch] = extractor.batches()
    assert (batch.ledger, batch.attempt) == (extractor.ledger.identity().current, 1)


def test_the_ledger_counts_published_slices(extractor: Extractor) -> None:
    job = extractor.job(days=3)
    extractor.handle(job, 1)
    updated = extractor.ledger.job(job.id)
    assert (updated.published, updated.slices_total, updated.assets) == (1, 6, ("T01", "T02"))


def test_timestamps_at_the_end_of_a_sample_are_shifted_to_its_start(extractor_with: Make) -> None:
    extractor = extractor_with(source_timestamp_label="end")
    extractor.handle(extractor.job())
    both = ("T01", "T02")
    assert extractor.source.queries == [(both, FIRST + PERIOD, FIRST + ONE_DAY + PERIOD)]
    (raw_batch,) = extractor.batches()
    assert raw_batch.table["timestamp"].to_pylist() == [FIRST, FIRST]
    assert raw_batch.rows == (1, 1)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"variables": ("rpm",)}, "variables"), ({"assets": ("T03",)}, "assets")],
)
def test_a_job_for_an_unknown_variable_or_asset_fails(
    extractor: Extractor, fields: dict[str, Any], reason: str
) -> None:
    job = extractor.job(**fields)
    assert extractor.handle(job) == []
    failed = extractor.ledger.job(job.id)
    assert (failed.state, failed.reason, extractor.published()) == ("failed", reason, [])


@pytest.mark.parametrize(
    ("days", "expected"),
    [(4, ("T01", "T02")), (5, ("T01", "T02", "T09")), (6, ("T01", "T02", "T09"))],
)
def test_a_job_includes_assets_that_only_the_target_has_on_its_days(
    extractor: Extractor, target: Engine, days: int, expected: tuple[str, ...]
) -> None:
    """Their windows, here on day 5, must be deleted: the source has no samples of them."""
    earlier = new_job(target, spec=sliced(ONE_DAY), assets=("T09",))
    stats = batch(earlier, steady(7.0), length=ONE_DAY, asset="T09")
    loader(target).load([stats])
    job = extractor.job(days=days)
    extractor.handle(job)
    assert extractor.ledger.job(job.id).assets == expected


def test_a_request_entry_that_is_delivered_twice_is_one_job(extractor: Extractor) -> None:
    first = extractor.handle_request("5-1", date="2025-12-01")
    assert extractor.handle_request("5-1", date="2025-12-01") == first
    assert extractor.handle_request("5-2", date="2025-12-01") != first
