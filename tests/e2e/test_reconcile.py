"""`minuano reconcile` finds the days whose source has changed and loads them again."""

from pathlib import Path

import pytest

from shared.domain.time_range import ONE_DAY
from tests.e2e.cli_process import minuano
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady_samples

BOTH_DAYS_SCOPE = Scope(start=START, end=START + 2 * ONE_DAY)
NO_DIFFERENCE = "the target agrees with the source"


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """Two days are loaded."""
    pipeline.in_target("TRUNCATE etl.slice, etl.job")
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES))
    pipeline.run(start=FIRST_DAY, end=SECOND_DAY)
    return pipeline


def reconcile(pipeline: Pipeline, folder: Path, *options: str) -> tuple[int, str]:
    settings = pipeline.addresses.environment()
    result = minuano("reconcile", "--days", "2", *options, cwd=folder, settings=settings)
    return result.returncode, result.stdout


def test_a_day_that_was_just_loaded_does_not_differ(loaded: Pipeline, tmp_path: Path) -> None:
    code, out = reconcile(loaded, tmp_path)
    assert code == 0
    assert NO_DIFFERENCE in out


def test_only_the_changed_day_is_loaded_again(loaded: Pipeline, tmp_path: Path) -> None:
    loaded.in_source("UPDATE data SET power = power + 1 WHERE timestamp = '2025-12-06 12:00Z'")
    code, out = reconcile(loaded, tmp_path)
    assert code == 1
    assert "1 day differs" in out
    [line] = [line for line in out.splitlines() if line.startswith("2025-12-06")]
    assert "changed" in line
    assert "power" in line
    assert "wind_speed" not in line

    code, out = reconcile(loaded, tmp_path, "--run")
    assert code == 0
    job = loaded.http.get("/jobs", params={"limit": 1}).json()["jobs"][0]
    assert (job["start"], job["end"], job["variables"]) == (SECOND_DAY, SECOND_DAY, ["power"])
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)
    assert reconcile(loaded, tmp_path)[0] == 0


def test_a_change_in_the_target_is_found_by_a_backfill_of_changed_slices(
    loaded: Pipeline, tmp_path: Path
) -> None:
    loaded.in_target("UPDATE data SET value = value + 1 WHERE timestamp = '2025-12-06 12:00Z'")
    code, out = reconcile(loaded, tmp_path)
    assert (code, "altered" in out) == (1, True)
    words = ("backfill", FIRST_DAY, SECOND_DAY, "--only-changed")
    result = minuano(*words, cwd=tmp_path, settings=loaded.addresses.environment())
    assert "done: 2 slices (1 unchanged), 2,880 samples" in result.stdout
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)


def test_rows_that_were_deleted_in_the_target_are_loaded_again(
    loaded: Pipeline, tmp_path: Path
) -> None:
    loaded.in_target("DELETE FROM data WHERE timestamp >= '2025-12-06Z'")
    assert reconcile(loaded, tmp_path)[0] == 1
    assert reconcile(loaded, tmp_path, "--run")[0] == 0
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)
    assert reconcile(loaded, tmp_path)[0] == 0


def test_a_mistyped_name_ends_with_2(loaded: Pipeline, tmp_path: Path) -> None:
    assert reconcile(loaded, tmp_path, "--variables", "wind_sped") == (2, "")


def test_late_and_deleted_samples_are_changes(loaded: Pipeline, tmp_path: Path) -> None:
    loaded.in_source("DELETE FROM data WHERE timestamp < '2025-12-06Z'")
    code, out = reconcile(loaded, tmp_path)
    assert code == 1
    assert "2025-12-05" in out
    assert reconcile(loaded, tmp_path, "--run")[0] == 0
    assert_target_matches_source(loaded, BOTH_DAYS_SCOPE)


def test_a_day_that_was_never_loaded_is_missing(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.in_target("TRUNCATE etl.slice, etl.job")
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES))
    pipeline.run(date=SECOND_DAY, variables=["power"])
    code, out = reconcile(pipeline, tmp_path)
    assert code == 1
    lines = [line.split() for line in out.splitlines() if "missing" in line]
    assert [line[0] for line in lines] == [FIRST_DAY, SECOND_DAY]
    assert lines[1][1] == "wind_speed"


def test_a_slice_without_fingerprints_is_reported(loaded: Pipeline, tmp_path: Path) -> None:
    loaded.in_target("UPDATE etl.slice SET fingerprints = NULL")
    code, out = reconcile(loaded, tmp_path)
    assert (code, "before fingerprints were kept" in out) == (1, True)


def test_an_empty_source_has_nothing_to_compare(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.in_target("TRUNCATE etl.slice, etl.job")
    assert reconcile(pipeline, tmp_path) == (
        0,
        "the source is empty, and nothing was loaded\n",
    )
