"""Reruns: a rerun writes only what has changed in the source, and of two jobs for the same day the
newer one wins.
"""

from datetime import timedelta

import pytest

from shared.domain.time_range import ONE_DAY
from tests.e2e.oracle import (
    Scope,
    assert_contents_equal,
    assert_target_matches_source,
    expected_contents,
    read_target,
)
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady_samples

FIRST_DAY_SCOPE = Scope(start=START, end=START + ONE_DAY)
BOTH_DAYS_SCOPE = Scope(start=START, end=START + 2 * ONE_DAY)
ROWS_PER_DAY = 144 * 8


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """Two days with a gap are loaded."""
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES))
    pipeline.in_source(
        "DELETE FROM data WHERE timestamp BETWEEN '2025-12-05 03:00Z' AND '2025-12-05 05:17Z'"
    )
    pipeline.run(start=FIRST_DAY, end=SECOND_DAY)
    assert_target_matches_source(pipeline, BOTH_DAYS_SCOPE)
    return pipeline


def test_a_rerun_writes_no_row(loaded: Pipeline) -> None:
    before = loaded.row_versions()
    job = loaded.run(start=FIRST_DAY, end=SECOND_DAY)
    assert (job["slices"]["done"], job["slices"]["superseded"]) == (2, 0)
    assert loaded.row_versions() == before


def test_a_rerun_writes_only_the_changed_windows(loaded: Pipeline) -> None:
    before = set(loaded.row_versions()[0])
    loaded.in_source("UPDATE data SET power = power + 1 WHERE timestamp = '2025-12-06 12:00Z'")
    loaded.run(start=FIRST_DAY, end=SECOND_DAY)
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)
    # Mean and std change always, minimum and maximum only if this sample is the extreme.
    assert 2 <= len(set(loaded.row_versions()[0]) - before) <= 4


def test_windows_without_samples_are_deleted(loaded: Pipeline) -> None:
    loaded.in_source(
        "DELETE FROM data "
        "WHERE timestamp >= '2025-12-05 23:00Z' AND timestamp < '2025-12-06 01:00Z'"
    )
    loaded.run(start=FIRST_DAY, end=SECOND_DAY)
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)


def test_std_is_deleted_when_one_sample_is_left(loaded: Pipeline) -> None:
    loaded.in_source(
        "DELETE FROM data WHERE timestamp > '2025-12-05 12:00Z' AND timestamp < '2025-12-05 12:10Z'"
    )
    loaded.run(date=FIRST_DAY)
    actual = assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)
    at_noon = [key for key in actual.data if key[3] == START + timedelta(hours=12)]
    assert len(at_noon) == 2 * 3


def test_changed_and_late_samples_replace_existing_rows(loaded: Pipeline) -> None:
    loaded.in_source("UPDATE data SET wind_speed = NULL WHERE timestamp < '2025-12-05 00:30Z'")
    loaded.in_source("UPDATE data SET power = 'NaN' WHERE extract(minute FROM timestamp) = 7")
    loaded.in_source("INSERT INTO data VALUES ('2025-12-05 04:04:04.04Z', 1, 2, 3)")
    loaded.run(start=FIRST_DAY, end=SECOND_DAY)
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)


def test_a_deleted_day_leaves_only_its_quality_rows(loaded: Pipeline) -> None:
    loaded.in_source("DELETE FROM data WHERE timestamp < '2025-12-06Z'")
    job = loaded.run(date=FIRST_DAY)
    actual = assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)
    assert (job["rows"], job["windows"], job["coverage"]) == (0, 0, 0.0)
    assert len(actual.data) == ROWS_PER_DAY
    assert len(actual.quality) == 2 * 144


def test_a_job_without_samples_is_done_and_has_a_note(pipeline: Pipeline) -> None:
    job = pipeline.run(date="1999-12-31")
    assert (job["state"], job["windows"], job["rows"]) == ("done", 0, 0)
    assert job["note"] == "done with 0 windows: the source has no samples there"
    assert read_target(pipeline).data == {}


def test_a_job_for_one_variable_does_not_change_the_others(loaded: Pipeline) -> None:
    before = read_target(loaded)
    loaded.in_source("UPDATE data SET wind_speed = wind_speed + 1, power = power + 1")
    loaded.run(start=FIRST_DAY, end=SECOND_DAY, variables=["power"])
    expected, actual = expected_contents(loaded, BOTH_DAYS_SCOPE), read_target(loaded)
    for variable, rows in (("power", expected.data), ("wind_speed", before.data)):
        assert {k: v for k, v in actual.data.items() if k[1] == variable} == pytest.approx(
            {k: v for k, v in rows.items() if k[1] == variable}, rel=1e-9
        )


def test_a_job_can_name_a_variable_that_is_not_a_default(
    pipeline: Pipeline,
) -> None:
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))
    pipeline.run(date=FIRST_DAY, variables=["ambient_temperature"])
    scope = Scope(start=START, end=START + ONE_DAY, variables=["ambient_temperature"])
    assert len(assert_target_matches_source(pipeline, scope).data) == 144 * 4


@pytest.mark.parametrize("late", ["the older", "the newer"])
def test_the_newer_of_two_jobs_wins_in_any_order_of_loading(pipeline: Pipeline, late: str) -> None:
    pipeline.fill_source(steady_samples(START, DAY_MINUTES, seed=1))
    stats = pipeline.streams.stats
    with pipeline.paused("loader"):
        older = pipeline.post_job(date=FIRST_DAY)
        older_entries = pipeline.wait_for_backlog(stats, 1)
        pipeline.fill_source(steady_samples(START, DAY_MINUTES - 45, seed=2))
        newer = pipeline.post_job(date=FIRST_DAY)
        newer_entries = [e for e in pipeline.wait_for_backlog(stats, 2) if e not in older_entries]
        late_entries = older_entries if late == "the older" else newer_entries
        pipeline.remove(stats, [*older_entries, *newer_entries])
        pipeline.add(stats, [e for e in (*older_entries, *newer_entries) if e not in late_entries])
    pipeline.wait_until_ended(newer if late == "the older" else older)
    pipeline.add(stats, late_entries)
    ended = pipeline.wait_until_done(older), pipeline.wait_until_done(newer)
    assert_target_matches_source(pipeline, FIRST_DAY_SCOPE)
    assert ended[1]["slices"]["superseded"] == 0


def test_an_older_job_that_loads_later_reports_that_it_was_superseded(pipeline: Pipeline) -> None:
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))
    with pipeline.paused("aggregator"):
        older = pipeline.post_job(date=FIRST_DAY)
        entries = pipeline.wait_for_backlog(pipeline.streams.raw, 1)
        pipeline.remove(pipeline.streams.raw, entries)
    pipeline.run(date=FIRST_DAY)
    before = pipeline.row_versions()
    pipeline.add(pipeline.streams.raw, entries)
    job = pipeline.wait_until_done(older)
    assert job["slices"]["superseded"] == 1
    assert job["note"] == "a newer job had loaded windows of 1 of 1 slices before"
    assert pipeline.row_versions() == before


def test_an_older_job_still_loads_the_days_and_variables_that_no_newer_one_has(
    pipeline: Pipeline,
) -> None:
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES, seed=1))
    with pipeline.paused("aggregator"):
        older = pipeline.post_job(start=FIRST_DAY, end=SECOND_DAY)
        entries = pipeline.wait_for_slices(pipeline.streams.raw, 2)
        pipeline.remove(pipeline.streams.raw, entries)
    before = expected_contents(pipeline, BOTH_DAYS_SCOPE)
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES, seed=2))
    pipeline.run(date=FIRST_DAY, variables=["power"])
    after = expected_contents(
        pipeline, Scope(start=START, end=START + ONE_DAY, variables=["power"])
    )
    pipeline.add(pipeline.streams.raw, entries)
    assert pipeline.wait_until_done(older)["slices"]["superseded"] == 1
    assert_contents_equal(read_target(pipeline), type(before)({**before.data, **after.data}, {}))
