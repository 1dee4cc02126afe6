"""The coverage of each asset's day, over HTTP."""

from datetime import date, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from shared.ledger.ledger import Ledger
from tests.dashboard.dashboard_client import fields, get, load
from tests.integration.loader import DAY, HOUR, ONE_DAY, batch, new_job, sliced, steady

MINUTES = 1440


def cells(client: TestClient, **parameters: Any) -> dict[tuple[str, str], tuple[Any, ...]]:
    """State, coverage, windows, job and its state, by asset and day."""
    assets = get(client, "/api/coverage", **parameters).json()["assets"]
    return {
        (asset["asset"], day["day"]): tuple(
            day[k] for k in ("state", "coverage", "windows", "job", "job_state")
        )
        for asset in assets
        for day in asset["days"]
    }


def whole_day(job: int, minutes: int = MINUTES, **changed: Any) -> Any:
    return whole_day_of(job, steady(7.0, minutes), **changed)


def whole_day_of(job: int, *columns: list[float | None], **changed: Any) -> Any:
    changed = {"length": ONE_DAY, "asset": "T01", **changed}
    return batch(job, *columns, **changed)


def test_a_day_is_none_partial_or_complete(client: TestClient, target: Engine) -> None:
    job = new_job(target, slices=3, days=3, spec=sliced(ONE_DAY))
    load(target, whole_day(job), whole_day(job, 720, start=DAY + ONE_DAY))
    days = cells(client, start="2025-12-05", end="2025-12-08")
    assert days["T01", "2025-12-05"] == ("complete", 1.0, 144, job, "running")
    assert days["T01", "2025-12-06"] == ("partial", 0.5, 72, job, "running")
    assert days["T01", "2025-12-07"] == ("none", None, 0, job, "running")


def test_a_day_that_was_loaded_in_part_is_partial(client: TestClient, target: Engine) -> None:
    job = new_job(target, slices=24)
    load(target, batch(job, steady(7.0), asset="T01"), batch(job, steady(7.0), start=DAY + HOUR))
    days = cells(client, start="2025-12-05")
    assert days["T01", "2025-12-05"] == ("partial", 1.0, 6, job, "running")


def test_a_day_that_was_loaded_without_a_sample_is_none(client: TestClient, target: Engine) -> None:
    job = new_job(target, spec=sliced(ONE_DAY))
    load(target, whole_day(job, 0))
    days = cells(client, start="2025-12-05")
    assert days["T01", "2025-12-05"] == ("none", 0.0, 0, job, "done")


def test_the_newest_job_that_loaded_the_day_counts(client: TestClient, target: Engine) -> None:
    first, second = (new_job(target, spec=sliced(ONE_DAY)) for _ in range(2))
    load(target, whole_day(first))
    load(target, whole_day(second, 720))
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"][:2] == ("partial", 0.5)


def test_a_newer_job_that_loaded_less_of_the_day_does_not_count(
    client: TestClient, target: Engine
) -> None:
    first, second = new_job(target, spec=sliced(ONE_DAY)), new_job(target, slices=24)
    load(target, whole_day(first))
    load(target, batch(second, steady(7.0), asset="T01"))
    days = cells(client, start="2025-12-05")
    assert days["T01", "2025-12-05"] == ("complete", 1.0, 144, second, "running")


def test_a_day_of_a_job_is_listed_before_anything_is_loaded(
    client: TestClient, target: Engine
) -> None:
    job = new_job(target)
    Ledger(target).fail(job, reason="no_data", error="nothing")
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"] == (
        "none", None, 0, job, "failed",
    )  # fmt: skip


def test_only_the_named_variables_count(client: TestClient, target: Engine) -> None:
    job = new_job(target, spec=sliced(ONE_DAY))
    load(target, whole_day(job))
    for variables, state in {
        "power": "none", "wind_speed": "complete", "wind_speed,power": "partial",
    }.items():  # fmt: skip
        days = cells(client, start="2025-12-05", variables=variables)
        assert days["T01", "2025-12-05"][0] == state


def test_each_variable_counts_by_the_newest_job_that_loaded_it(
    client: TestClient, target: Engine
) -> None:
    """A newer job with other variables does not hide them."""
    both = ("wind_speed", "power")
    spec = sliced(ONE_DAY)
    first = new_job(target, spec=spec, variables=both)
    wind = steady(7.0, MINUTES)
    power: list[float | None] = [None] * MINUTES
    load(target, whole_day_of(first, wind, power, variables=both, spec=spec))
    for variable, expected in {"wind_speed": ("complete", 1.0), "power": ("none", 0.0)}.items():
        days = cells(client, start="2025-12-05", variables=variable)
        assert days["T01", "2025-12-05"][:2] == expected
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"][:2] == ("partial", 0.5)
    second = new_job(target, spec=spec, variables=("power",))
    load(target, whole_day_of(second, steady(500.0, MINUTES), variables=("power",), spec=spec))
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"][:2] == ("complete", 1.0)


def test_windows_of_another_length_do_not_count(client: TestClient, target: Engine) -> None:
    job = new_job(target, spec=sliced(ONE_DAY, window_s=3600))
    load(target, whole_day(job, spec=sliced(ONE_DAY, window_s=3600)))
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"][0] == "none"


@pytest.mark.parametrize(("period_s", "state"), [(30.0, "partial"), (45.0, "partial")])
def test_as_many_samples_are_expected_as_fit_into_the_time(
    client: TestClient, target: Engine, period_s: float, state: str
) -> None:
    """One sample per minute, where more are expected; the period need not divide the window."""
    spec = sliced(ONE_DAY, period_s=period_s)
    load(target, whole_day(new_job(target, spec=spec), spec=spec))
    days = cells(client, start="2025-12-05")["T01", "2025-12-05"]
    assert days[:2] == (state, pytest.approx(period_s / 60))


def test_a_slice_of_another_zone_counts_for_the_day_of_its_middle(
    client: TestClient, target: Engine
) -> None:
    job = new_job(target, spec=sliced(ONE_DAY), timezone="America/Sao_Paulo", days=2)
    load(target, whole_day(job, start=DAY + 3 * HOUR))
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"][0] == "complete"
    load(target, whole_day(job, MINUTES - 180, start=DAY + ONE_DAY + 3 * HOUR))
    assert cells(client, start="2025-12-06")["T01", "2025-12-06"][:2] == ("partial", 0.875)


def test_a_slice_that_begins_the_evening_before_counts_for_the_day_of_its_middle(
    client: TestClient, target: Engine
) -> None:
    job = new_job(target, spec=sliced(ONE_DAY), timezone="Europe/Berlin")
    load(target, whole_day(job, start=DAY - HOUR))
    days = cells(client, start="2025-12-04", end="2025-12-06")
    assert [days["T01", day][0] for day in ("2025-12-04", "2025-12-05")] == ["none", "complete"]


def test_a_gap_at_midnight_belongs_to_the_next_day_only(client: TestClient, target: Engine) -> None:
    job = new_job(target, slices=2, days=2, spec=sliced(ONE_DAY))
    late: list[float | None] = [*[None] * 10, *steady(7.0, MINUTES - 10)]
    load(target, whole_day(job), whole_day_of(job, late, start=DAY + ONE_DAY))
    days = cells(client, start="2025-12-05", end="2025-12-07")
    assert days["T01", "2025-12-05"][:2] == ("complete", 1.0)
    assert days["T01", "2025-12-06"][:2] == ("partial", pytest.approx(143 / 144))


def test_a_part_reloaded_with_another_period_counts_by_its_share_of_the_day(
    client: TestClient, target: Engine
) -> None:
    """One sample per minute is all that the first job expects, and half of the second job's."""
    half, spec = ONE_DAY / 2, sliced(ONE_DAY / 2, period_s=30.0)
    load(target, whole_day(new_job(target, spec=sliced(ONE_DAY))))
    second = new_job(target, slices=2, spec=spec)
    load(target, whole_day(second, 720, length=half, spec=spec))
    days = cells(client, start="2025-12-05")["T01", "2025-12-05"]
    assert days[:3] == ("partial", 0.75, 144)


def test_extra_samples_of_one_variable_do_not_replace_those_of_another(
    client: TestClient, target: Engine
) -> None:
    both, spec = ("wind_speed", "power"), sliced(ONE_DAY, period_s=120.0)
    job = new_job(target, spec=spec, variables=both)
    power: list[float | None] = [None] * MINUTES
    load(target, whole_day_of(job, steady(7.0, MINUTES), power, variables=both, spec=spec))
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"][:2] == ("partial", 0.5)


def test_gaps_of_other_assets_variables_and_windows_do_not_count(
    client: TestClient, target: Engine
) -> None:
    load(target, whole_day(new_job(target, spec=sliced(ONE_DAY))))
    others = [("T02", "wind_speed", 600), ("T01", "power", 600), ("T01", "wind_speed", 3600)]
    with target.begin() as connection:
        for asset, variable, window_s in others:
            connection.execute(
                text("INSERT INTO quality VALUES (:asset, :variable, :window_s, :at, 0, 10, 0)"),
                {"asset": asset, "variable": variable, "window_s": window_s, "at": DAY},
            )
    assert cells(client, start="2025-12-05")["T01", "2025-12-05"][:2] == ("complete", 1.0)


def test_an_empty_target_has_no_assets(client: TestClient) -> None:
    answer = get(client, "/api/coverage", start="2025-12-05").json()
    assert answer == {"timezone": "UTC", "assets": []}


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"start": "2025-12-05", "end": "2025-12-05"}, "end"),
        ({"start": "2025-12-05", "end": "2026-12-07"}, "end"),
        ({"start": "2025-02-30"}, "start"),
        ({}, "start"),
        ({"start": "2025-12-05", "until": "2025-12-06"}, "until"),
        ({"start": "2025-12-05", "variable": "power"}, "variable"),
        ({"start": "2025-12-05", "variables": "a\x00b"}, "variables"),
    ],
)
def test_an_invalid_range_of_days_is_refused(
    client: TestClient, parameters: dict[str, str], field: str
) -> None:
    assert fields(client.get("/api/coverage", params=parameters)) == [field]


def test_a_year_is_allowed(client: TestClient, target: Engine) -> None:
    load(target, whole_day(new_job(target, spec=sliced(ONE_DAY))))
    start = date(2024, 12, 31)
    by_day = cells(client, start=start.isoformat(), end=str(start + timedelta(days=366)))
    days = {day for asset, day in by_day if asset == "T01"}
    assert (len(days), min(days), max(days)) == (366, "2024-12-31", "2025-12-31")
