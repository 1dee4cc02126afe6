"""Jobs for changed slices only: what neither the source nor anybody in the target has changed is
not computed; everything else is.
"""

from contextlib import suppress
from typing import Any

import httpx
import pytest

from shared.domain.time_range import ONE_DAY
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady_samples
from tests.polling import wait_until

BOTH_DAYS = {"start": FIRST_DAY, "end": SECOND_DAY}
BOTH_DAYS_SCOPE = Scope(start=START, end=START + 2 * ONE_DAY)
GAP = "timestamp BETWEEN '2025-12-05 03:00Z' AND '2025-12-05 05:17Z'"
IN_GAP, NOON = "'2025-12-05 04:00Z'", "'2025-12-05 12:00Z'"


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """Two days are loaded; the first one has a gap."""
    pipeline.in_target("TRUNCATE etl.slice, etl.job")
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES))
    pipeline.in_source(f"DELETE FROM data WHERE {GAP}")
    pipeline.run(**BOTH_DAYS)
    return pipeline


def run_changed(pipeline: Pipeline, **fields: Any) -> tuple[int, int]:
    """Run a job for the changed slices of both days; return how many slices are done, and how many
    of them were unchanged. Then the target agrees with the source.
    """
    slices = pipeline.run(**{**BOTH_DAYS, "only": "changed", **fields})["slices"]
    assert_target_matches_source(pipeline, BOTH_DAYS_SCOPE)
    assert slices["done"] == slices["total"] == slices["published"]
    return slices["done"], slices["unchanged"]


def last_raw_batch(pipeline: Pipeline) -> Any:
    """The id of the last entry that was ever added to the raw stream."""
    info: Any = pipeline.redis.xinfo_stream(pipeline.streams.raw)
    return info["last-generated-id"]


def is_ready(pipeline: Pipeline) -> bool:
    """Whether the extractor answers."""
    with suppress(httpx.TransportError):
        return pipeline.http.get("/health/ready").is_success
    return False


def test_an_unchanged_job_is_done_without_a_message_and_without_a_written_row(
    loaded: Pipeline,
) -> None:
    first = loaded.http.get("/jobs", params={"limit": 1}).json()["jobs"][0]
    before = loaded.row_versions(), last_raw_batch(loaded)
    job = loaded.run(**BOTH_DAYS, only="changed")
    assert (loaded.row_versions(), last_raw_batch(loaded)) == before
    assert (job["only"], job["slices"]["done"], job["slices"]["unchanged"]) == ("changed", 2, 2)
    counts = ("rows", "windows", "coverage")
    assert [job[name] for name in counts] == [first[name] for name in counts]


def test_a_rerun_without_the_option_computes_everything_again(loaded: Pipeline) -> None:
    before = last_raw_batch(loaded)
    job = loaded.run(**BOTH_DAYS)
    assert (job["only"], job["slices"]["done"], job["slices"]["unchanged"]) == (None, 2, 0)
    assert last_raw_batch(loaded) != before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE data SET power = power + 1 WHERE timestamp = '2025-12-06 12:00Z'",
        "UPDATE data SET power = NULL WHERE timestamp = '2025-12-06 12:00Z'",
        "INSERT INTO data VALUES ('2025-12-06 12:00:30Z', 1, 2, 3)",
        "DELETE FROM data WHERE timestamp > '2025-12-06 12:00Z'",
        "DELETE FROM data WHERE timestamp >= '2025-12-06Z'",
    ],
    ids=["value", "null", "late sample", "deleted samples", "deleted day"],
)
def test_only_the_day_whose_samples_changed_is_computed(loaded: Pipeline, change: str) -> None:
    loaded.in_source(change)
    assert run_changed(loaded) == (2, 1)
    assert run_changed(loaded) == (2, 2)


@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE data SET value = value + 1 WHERE timestamp = {NOON}",
        f"DELETE FROM data WHERE timestamp = {NOON}",
        f"INSERT INTO data SELECT {IN_GAP}, id, 1 FROM signal WHERE asset = '' "
        "AND variable = 'power' AND statistic = 'mean' AND window_s = 600",
        f"UPDATE quality SET count = count + 1 WHERE timestamp = {IN_GAP}",
        f"DELETE FROM quality WHERE timestamp = {IN_GAP}",
        "INSERT INTO quality SELECT asset, variable, window_s, "
        f"CAST({NOON} AS timestamptz), count, expected, flags FROM quality "
        f"WHERE timestamp = {IN_GAP}",
    ],
    ids=["value", "deleted", "extra", "quality", "deleted quality", "extra quality"],
)
def test_what_somebody_changed_in_the_target_is_computed_again(
    loaded: Pipeline, change: str
) -> None:
    loaded.in_target(change)
    assert run_changed(loaded) == (2, 1)
    assert run_changed(loaded) == (2, 2)


def test_days_without_samples_are_unchanged_too(pipeline: Pipeline) -> None:
    for unchanged in (0, 3):
        job = pipeline.run(start="2026-03-01", end="2026-03-03", only="changed")
        assert (job["slices"]["unchanged"], job["windows"]) == (unchanged, 0)


def test_days_that_were_never_loaded_are_computed(loaded: Pipeline) -> None:
    job = loaded.run(start="2025-12-04", end=SECOND_DAY, only="changed")
    assert (job["slices"]["done"], job["slices"]["unchanged"]) == (3, 2)


def test_other_variables_than_those_that_were_loaded_are_computed(loaded: Pipeline) -> None:
    assert run_changed(loaded, variables=["power"]) == (2, 0)
    assert run_changed(loaded, variables=["power"]) == (2, 2)


def test_a_day_that_another_specification_computed_is_computed_again(loaded: Pipeline) -> None:
    loaded.in_target("UPDATE etl.job SET spec = jsonb_set(spec, '{ddof}', '0')")
    assert run_changed(loaded) == (2, 0)


def test_a_day_that_a_newer_job_loaded_in_part_is_computed(loaded: Pipeline) -> None:
    loaded.in_source("UPDATE data SET wind_speed = wind_speed + 1, power = power + 1")
    loaded.run(date=FIRST_DAY, variables=["power"])
    loaded.run(date=SECOND_DAY)
    assert run_changed(loaded) == (2, 1)


def test_an_older_job_does_not_replace_what_was_found_unchanged(loaded: Pipeline) -> None:
    change = f"UPDATE data SET power = power {{}} 1024 WHERE timestamp = {NOON}"
    with loaded.paused("loader"):
        loaded.in_source(change.format("+"))
        older = loaded.post_job(date=FIRST_DAY)
        loaded.wait_for_slices(loaded.streams.stats, 1)
        loaded.in_source(change.format("-"))
        newer = loaded.wait_until_ended(loaded.post_job(**BOTH_DAYS, only="changed"))
        assert (newer["state"], newer["slices"]["unchanged"]) == ("done", 2)
    assert loaded.wait_until_done(older)["slices"]["superseded"] == 1
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)


def test_a_job_continues_after_its_extractor_died_and_its_batch_was_lost(loaded: Pipeline) -> None:
    loaded.in_source("UPDATE data SET power = power + 1 WHERE timestamp > '2025-12-06 12:00Z'")
    with loaded.paused("aggregator"):
        id = loaded.post_job(**BOTH_DAYS, only="changed")
        lost = loaded.wait_for_slices(loaded.streams.raw, 1)
        slices = loaded.job(id)["slices"]
        assert (slices["done"], slices["unchanged"]) == (1, 1)
        loaded.kill("extractor-1")
        loaded.remove(loaded.streams.raw, lost)
    wait_until(lambda: is_ready(loaded), what="the extractor")
    for verb in ("cancel", "retry"):
        loaded.http.post(f"/jobs/{id}/{verb}").raise_for_status()
    slices = loaded.wait_until_done(id)["slices"]
    assert (slices["done"], slices["unchanged"]) == (2, 1)
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)


def test_a_request_on_the_jobs_stream_may_be_for_changed_slices_only(loaded: Pipeline) -> None:
    loaded.redis.xadd(loaded.streams.jobs, {"date": FIRST_DAY, "only": "changed"})
    loaded.wait_until_idle()
    job = loaded.http.get("/jobs", params={"limit": 1}).json()["jobs"][0]
    assert (job["state"], job["slices"]["unchanged"]) == ("done", 1)
