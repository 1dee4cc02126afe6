"""How commands end that wait for jobs, against services that answer what a test wants."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.commands import minuano
from tests.integration.services import Services, job, serving


@pytest.fixture
def services() -> Iterator[Services]:
    with serving() as found:
        yield found


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("failed", 1), ("cancelled", 1)])
@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["retry", "7"], "POST /jobs/7/retry"),
        (["run", "2025-12-05"], "POST /jobs"),
        (["backfill", "2025-12-05", "2025-12-05"], "POST /jobs"),
    ],
    ids=["retry", "run", "backfill"],
)
def test_a_command_that_waits_for_a_job_ends_as_the_job_does(
    services: Services, words: list[str], asked: str, state: str, code: int
) -> None:
    services.responses = {asked: [job(7, "queued")], "GET /jobs/7": [job(7, state)]}
    ended = minuano(*words, services=services)
    assert ended.exit_code == code, ended.output
    assert f"job 7 {state}" in ended.output


def test_a_job_that_does_not_end_in_time_is_no_success(services: Services) -> None:
    services.responses = {"POST /jobs": [job(7, "queued")], "GET /jobs/7": [job(7, "running")]}
    ended = minuano("run", "2025-12-05", "--timeout-s", "0.1", services=services)
    assert ended.exit_code == 1
    assert "job 7 has not ended within 0.1 s" in str(ended.exception)


def test_why_a_job_failed_is_shown_as_it_is(services: Services) -> None:
    failed = job(7, "failed", reason="schema", error="no column [bold]power[/bold]")
    services.responses = {"POST /jobs": [job(7, "queued")], "GET /jobs/7": [failed]}
    ended = minuano("run", "2025-12-05", services=services)
    assert "job 7 failed: schema: no column [bold]power[/bold]" in ended.output


@pytest.fixture
def differing(services: Services) -> Services:
    """Of three days one in the middle has no samples, and nothing was loaded: two runs of days."""
    services.responses = {
        "GET /extent": [
            {"first": "2025-12-01T00:00:00Z", "last": "2025-12-07T23:59:00Z", "assets": []}
        ],
        "GET /fingerprints": [[prints("2025-12-05", "power"), prints("2025-12-07", "wind_speed")]],
        "POST /jobs": [job(1, "queued"), job(2, "queued")],
        "GET /jobs/1": [job(1, "done")],
        "GET /jobs/2": [job(2, "done")],
    }
    return services


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("done", "done", 0), ("failed", "done", 1), ("done", "failed", 1)],
)
def test_reconcile_has_put_it_right_only_if_all_of_its_jobs_are_done(
    differing: Services, target_url: str, first: str, second: str, code: int
) -> None:
    differing.responses |= {"GET /jobs/1": [job(1, first)], "GET /jobs/2": [job(2, second)]}
    ended = reconcile(differing, target_url, "--run")
    assert ended.exit_code == code, ended.output
    assert len(differing.requests["POST /jobs"]) == 2


def test_reconcile_asks_for_the_days_that_differ_and_what_differs_on_them(
    differing: Services, target_url: str
) -> None:
    reconcile(differing, target_url, "--run")
    assert differing.requests["POST /jobs"] == [
        {"start": day, "end": day, "variables": [variable], "assets": ["T01"]}
        for day, variable in (("2025-12-05", "power"), ("2025-12-07", "wind_speed"))
    ]


def test_reconcile_that_only_looks_ends_with_1_where_something_differs(
    differing: Services, target_url: str
) -> None:
    ended = reconcile(differing, target_url)
    assert ended.exit_code == 1
    assert "2025-12-05 to 2025-12-07: 2 days differ" in ended.output
    assert differing.requests["POST /jobs"] == []


def reconcile(services: Services, target_url: str, *options: str) -> Any:
    return minuano(
        "reconcile", "--days", "3", *options, services=services, MINUANO_TARGET_URL=target_url
    )


def prints(day: str, variable: str) -> dict[str, Any]:
    """What the source has of a turbine's day."""
    return {"asset": "T01", "day": day, "rows": 1440, "fingerprints": {variable: "f" * 16}}
