"""Which slices of a job the extractor publishes, and in which order."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from services.extractor.settings import ExtractorSettings
from shared.domain.job import Job
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import redis_client
from tests.integration.job_handler_case import FIRST, ONE_DAY, Extractor, Part
from tests.integration.loader import batch, loader, new_job, sliced, steady

PERIOD = timedelta(seconds=60)
Make = Callable[..., Extractor]


@pytest.fixture
def extractor_with(target: Engine, redis_settings: RedisSettings) -> Iterator[Make]:
    """Makes an extractor with these settings."""
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


@pytest.fixture
def extractor(extractor_with: Make) -> Extractor:
    """With chunks of two slices in two lanes."""
    return extractor_with(chunk_slices=2, job_parallelism=2)


def load(target: Engine, job: Job, part: Part) -> None:
    """Let the slice of the job stand in the target, without samples."""
    asset, day = part
    stats = batch(
        job.id, variables=job.variables, spec=job.spec, asset=asset,
        start=FIRST + (day - 1) * ONE_DAY, length=ONE_DAY,
    )  # fmt: skip
    loader(target).load([stats])


def test_a_small_job_is_published_at_once(extractor: Extractor) -> None:
    assert extractor.take(extractor.job(days=2, assets=("T02",))) == []
    assert (extractor.published(), extractor.lanes()) == ([("T02", 1), ("T02", 2)], [])


def test_the_first_entry_of_a_job_begins_each_lane(extractor_with: Make) -> None:
    extractor = extractor_with(chunk_slices=1, job_parallelism=3)
    assert extractor.take(extractor.job(days=5, assets=("T01",))) == [3]
    assert (extractor.published(), extractor.lanes()) == ([("T01", 1)], [1, 2])


def test_there_are_no_more_lanes_than_chunks(extractor_with: Make) -> None:
    extractor = extractor_with(chunk_slices=1, job_parallelism=9)
    assert extractor.take(extractor.job(days=3, assets=("T01",))) == []
    assert extractor.lanes() == [1, 2]


@pytest.mark.parametrize(
    ("chunk", "published", "following"),
    [
        (0, [("T01", 1), ("T01", 2)], [2]),
        (1, [("T01", 3)], [3]),
        (2, [("T02", 1), ("T02", 2)], []),
        (3, [("T02", 3)], []),
        (4, [], []),
    ],
)
def test_a_chunk_is_a_piece_of_one_asset_and_leads_to_the_next_of_its_lane(
    extractor: Extractor, chunk: int, published: list[Part], following: list[int]
) -> None:
    assert extractor.take(extractor.job(days=3), chunk) == following
    assert extractor.published() == published


@pytest.mark.parametrize("chunk", [None, 1])
def test_nothing_more_is_read_of_a_job_that_was_cancelled(
    extractor: Extractor, chunk: int | None
) -> None:
    job = extractor.job(days=3)
    extractor.take(job, 3)
    before = (extractor.published(), list(extractor.source.ranges))
    extractor.ledger.cancel(job.id)
    assert extractor.take(job, chunk) == []
    assert (extractor.published(), extractor.source.ranges) == before


def test_a_job_that_is_done_is_not_begun_again(extractor: Extractor, target: Engine) -> None:
    job = extractor.job(days=3, assets=("T01",))
    extractor.take(job)
    for day in (1, 2, 3):
        load(target, job, ("T01", day))
    assert extractor.take(job) == []
    assert (extractor.lanes(), len(extractor.source.ranges)) == ([1], 1)


def test_slices_that_are_loaded_are_not_published_again(
    extractor_with: Make, target: Engine
) -> None:
    extractor = extractor_with()
    job = extractor.job(days=3, assets=("T01",))
    extractor.take(job)
    load(target, job, ("T01", 2))
    extractor.take(job)
    days = [1, 2, 3, 1, 3]
    assert extractor.published() == [("T01", day) for day in days]


def test_neighbours_are_read_in_one_go(extractor_with: Make) -> None:
    extractor = extractor_with()
    extractor.take(extractor.job(days=3, assets=("T01",)))
    assert extractor.source.ranges == [("T01", FIRST, FIRST + 3 * ONE_DAY)]


def test_the_ledger_counts_what_was_published(extractor: Extractor) -> None:
    job = extractor.job(days=3)
    extractor.take(job, 1)
    found = extractor.ledger.job(job.id)
    assert (found.published, found.slices_total, found.assets) == (1, 6, ("T01", "T02"))


def test_stamps_at_the_end_of_a_sample_are_moved_to_its_start(extractor_with: Make) -> None:
    extractor = extractor_with(source_timestamp_label="end")
    extractor.take(extractor.job(assets=("T01",)))
    assert extractor.source.ranges == [("T01", FIRST + PERIOD, FIRST + ONE_DAY + PERIOD)]
    (found,) = extractor.batches()
    assert found.table["timestamp"].to_pylist() == [FIRST]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"variables": ("rpm",)}, "variables"), ({"assets": ("T03",)}, "assets")],
)
def test_a_job_for_what_the_source_has_not_fails(
    extractor: Extractor, fields: dict[str, Any], reason: str
) -> None:
    job = extractor.job(**fields)
    assert extractor.take(job) == []
    found = extractor.ledger.job(job.id)
    assert (found.state, found.reason, extractor.published()) == ("failed", reason, [])


@pytest.mark.parametrize(
    ("days", "expected"),
    [(4, ("T01", "T02")), (5, ("T01", "T02", "T09")), (6, ("T01", "T02", "T09"))],
)
def test_a_turbine_that_only_the_target_has_is_part_of_a_job_for_its_days(
    extractor: Extractor, target: Engine, days: int, expected: tuple[str, ...]
) -> None:
    """Its windows are to go, since the source no longer has their samples. They are of day 5."""
    earlier = new_job(target, spec=sliced(ONE_DAY), assets=("T09",))
    stats = batch(earlier, steady(7.0), length=ONE_DAY, asset="T09")
    loader(target).load([stats])
    job = extractor.job(days=days)
    extractor.take(job)
    assert extractor.ledger.job(job.id).assets == expected


def test_an_entry_by_hand_that_is_delivered_twice_is_one_job(extractor: Extractor) -> None:
    first = extractor.enter("5-1", date="2025-12-01")
    assert extractor.enter("5-1", date="2025-12-01") == first
    assert extractor.enter("5-2", date="2025-12-01") != first
