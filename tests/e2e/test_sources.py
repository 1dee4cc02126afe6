"""Other kinds of sources: several assets, timestamps at the end of a sample, a time zone with
daylight saving time, ten samples per second; and a range that several extractors share.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.domain.time_range import ONE_DAY
from tests.e2e.oracle import Scope, assert_target_matches_source, read_target
from tests.e2e.pipeline import Pipeline, parse_timestamp, running
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady_samples
from tests.polling import wait_until

ASSETS = ("T01", "T02", "Ø 3.β, north ")
BOTH_DAYS_SCOPE = Scope(start=START, end=START + 2 * ONE_DAY)


@pytest.fixture(scope="module")
def turbines() -> Iterator[Pipeline]:
    pipeline_settings = {
        "MINUANO_SOURCE_ASSET_COLUMN": "asset",
        "MINUANO_CHUNK_SLICES": "1",
        "MINUANO_JOB_PARALLELISM": "2",
    }
    with running(settings=pipeline_settings, assets=True) as pipeline:
        yield pipeline


@pytest.fixture
def fleet(turbines: Pipeline) -> Pipeline:
    """Three turbines, each with its own gap."""
    turbines.truncate()
    rows = [
        (asset, *row)
        for n, asset in enumerate(ASSETS)
        for row in steady_samples(START, 2 * DAY_MINUTES, seed=n)
        if not n * 100 <= (row[0] - START) / timedelta(minutes=1) % 700 < n * 111
    ]
    turbines.fill_source(rows)
    return turbines


def test_each_asset_is_computed_separately(fleet: Pipeline) -> None:
    job = fleet.run(start=FIRST_DAY, end=SECOND_DAY)
    assert (sorted(job["assets"]), job["slices"]["total"]) == (sorted(ASSETS), 6)
    assert_target_matches_source(fleet, Scope(start=START, end=START + 2 * ONE_DAY, assets=ASSETS))


def test_a_job_for_one_asset_does_not_change_the_others(fleet: Pipeline) -> None:
    fleet.run(start=FIRST_DAY, end=SECOND_DAY)
    before = read_target(fleet)
    fleet.in_source("UPDATE data SET power = power + 1")
    job = fleet.run(start=FIRST_DAY, end=SECOND_DAY, assets=["T02"])
    assert job["assets"] == ["T02"]
    after = read_target(fleet)
    changed = {key[:2] for key in after.data if after.data[key] != before.data[key]}
    assert changed == {("T02", "power")}


def test_only_the_changed_slices_of_several_assets_are_computed(fleet: Pipeline) -> None:
    fleet.run(start=FIRST_DAY, end=SECOND_DAY)
    fleet.in_source("UPDATE data SET power = 0 WHERE asset = 'T02' AND timestamp < '2025-12-06Z'")
    fleet.in_target(
        "DELETE FROM data WHERE timestamp = '2025-12-06 12:00Z' AND signal_id IN "
        "(SELECT id FROM signal WHERE asset = 'T01')"
    )
    job = fleet.run(start=FIRST_DAY, end=SECOND_DAY, only="changed")
    assert (job["slices"]["done"], job["slices"]["unchanged"]) == (6, 4)
    assert_target_matches_source(fleet, Scope(start=START, end=START + 2 * ONE_DAY, assets=ASSETS))
    job = fleet.run(date=FIRST_DAY, assets=["T01", "T02"], only="changed")
    assert (job["slices"]["done"], job["slices"]["unchanged"]) == (2, 2)


def test_signal_names_contain_the_asset(fleet: Pipeline) -> None:
    fleet.run(date=FIRST_DAY)
    names = [name for [name] in fleet.in_target("SELECT name FROM signal WHERE asset = 'T01'")]
    assert "T01.wind_speed_mean_10m" in names
    wide = fleet.in_target("SELECT DISTINCT signal FROM signal_data")
    assert {name for [name] in wide} == {
        f"{a}.{v}" for a in ASSETS for v in BOTH_DAYS_SCOPE.variables
    }


def test_windows_of_a_deleted_asset_are_deleted(fleet: Pipeline) -> None:
    fleet.run(start=FIRST_DAY, end=SECOND_DAY)
    fleet.in_source("DELETE FROM data WHERE asset = 'T02'")
    fleet.run(start=FIRST_DAY, end=SECOND_DAY)
    assert {asset for asset, *_ in read_target(fleet).data} == set(ASSETS) - {"T02"}


def test_more_jobs_than_the_backlog_limit_do_not_deadlock() -> None:
    pipeline_settings = {
        "MINUANO_SOURCE_ASSET_COLUMN": "asset",
        "MINUANO_CHUNK_SLICES": "1",
        "MINUANO_MAX_BACKLOG": "4",
    }
    with running(settings=pipeline_settings, assets=True) as pipeline:
        pipeline.fill_source([("T01", *row) for row in steady_samples(START, DAY_MINUTES)])
        with pipeline.paused("extractor"):
            for _ in range(12):
                pipeline.redis.xadd(pipeline.streams.jobs, {"start": FIRST_DAY, "end": SECOND_DAY})
        wait_until(lambda: len(pipeline.http.get("/jobs?state=done").json()["jobs"]) == 12)


def test_an_unknown_asset_fails_the_job(fleet: Pipeline) -> None:
    job = fleet.wait_until_ended(fleet.post_job(date=FIRST_DAY, assets=["T01", "T99"]))
    assert (job["state"], job["reason"]) == ("failed", "assets")
    assert "T99" in job["error"]


def test_a_timestamp_at_the_end_of_its_sample_belongs_to_the_window_before() -> None:
    with running(
        settings={"MINUANO_SOURCE_TIMESTAMP_LABEL": "end", "MINUANO_PAGE_ROWS": "7"}
    ) as pipeline:
        pipeline.fill_source(steady_samples(START, DAY_MINUTES + 1))
        pipeline.run(date=FIRST_DAY)
        actual = assert_target_matches_source(
            pipeline, Scope(start=START, end=START + ONE_DAY, timestamp_offset="1 min")
        )
        # The sample with the timestamp of the next midnight is the last of the day.
        assert actual.quality == {}
        assert pipeline.run(date=FIRST_DAY, only="changed")["slices"]["unchanged"] == 1


@pytest.fixture(scope="module")
def berlin() -> Iterator[Pipeline]:
    pipeline_settings = {
        "MINUANO_SOURCE_TIMEZONE": "Europe/Berlin",
        "MINUANO_MAX_SLICE_ROWS": "500",
    }
    with running(settings=pipeline_settings) as pipeline:
        yield pipeline


@pytest.mark.parametrize(
    ("day", "start", "windows"),
    [
        ("2025-03-30", "2025-03-30T00:00+01:00", 138),
        ("2025-10-26", "2025-10-26T00:00+02:00", 150),
        ("2025-12-05", "2025-12-05T00:00+01:00", 144),
    ],
    ids=["spring", "autumn", "usual"],
)
def test_a_local_day_has_23_24_or_25_hours_of_windows(
    berlin: Pipeline, day: str, start: str, windows: int
) -> None:
    berlin.truncate()
    berlin.fill_source(steady_samples(parse_timestamp(start) - timedelta(hours=3), 30 * 60 + 1))
    job = berlin.run(date=day)
    end = parse_timestamp(start) + timedelta(minutes=10 * windows)
    assert (job["windows"], job["coverage"]) == (windows, 1.0)
    assert_target_matches_source(berlin, Scope(start=parse_timestamp(start), end=end))
    slices = berlin.run(date=day, only="changed")["slices"]
    assert slices["unchanged"] == slices["total"] > 1


def test_samples_at_10_hz_are_split_into_slices_shorter_than_a_day() -> None:
    pipeline_settings = {"MINUANO_SAMPLING_PERIOD_S": "0.1", "MINUANO_MAX_SLICE_ROWS": "12000"}
    with running(settings=pipeline_settings) as pipeline:
        pipeline.in_source(
            "INSERT INTO data SELECT '2025-12-05 11:00Z'::timestamptz + n * interval '100 ms', "
            "1e6 + (n * 7919 % 1024) / 1024.0, (n * 7919 % 4001 - 2000) / 8.0, 0 "
            "FROM generate_series(0, 35999) AS n WHERE n % 1000 <> 17"
        )
        job = pipeline.run(date=FIRST_DAY)
        assert (job["slices"]["total"], job["rows"], job["windows"]) == (72, 35_964, 6)
        assert_target_matches_source(
            pipeline, Scope(start=START, end=START + ONE_DAY, samples_per_window=6_000)
        )


def test_several_extractors_share_a_range_and_every_slice_is_loaded() -> None:
    days = 20
    pipeline_settings = {
        "MINUANO_CHUNK_SLICES": "1",
        "MINUANO_JOB_PARALLELISM": "3",
        "MINUANO_PAGE_ROWS": "1441",
    }
    with running(settings=pipeline_settings, extractors=3, loaders=2) as pipeline:
        pipeline.fill_source(steady_samples(START, days * DAY_MINUTES))
        last = START + (days - 1) * ONE_DAY
        with pipeline.paused("aggregator"):
            id = pipeline.post_job(start=FIRST_DAY, end=f"{last:%Y-%m-%d}")
            pipeline.wait_for_backlog(pipeline.streams.raw, days)
        job = pipeline.wait_until_done(id)
        assert (job["slices"]["done"], job["rows"]) == (days, days * DAY_MINUTES)
        assert_target_matches_source(pipeline, Scope(start=START, end=START + days * ONE_DAY))
        assert publishing_extractors(pipeline) > 1


def publishing_extractors(pipeline: Pipeline) -> int:
    """The number of extractors that have published slices."""
    logs = (pipeline.logs / f"extractor-{n}.log" for n in (1, 2, 3))
    return sum("slices.published" in log.read_text() for log in logs)
