"""Exit codes of commands that wait for jobs, against services whose responses a test sets."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.commands import minuano
from tests.integration.services import Services, job, serving


@pytest.fixture
def services() -> Iterator[Services]:
    with serving() as services:
        yield services


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("failed", 1), ("cancelled", 1)])
@pytest.mark.parametrize(
    ("words", "request_line"),
    [
        (["retry", "7"], "POST /jobs/7/retry"),
        (["run", "2025-12-05"], "POST /jobs"),
        (["backfill", "2025-12-05", "2025-12-05"], "POST /jobs"),
    ],
    ids=["retry", "run", "backfill"],
)
def test_a_command_that_waits_for_a_job_ends_as_the_job_does(
    services: Services, words: list[str], request_line: str, state: str, code: int
) -> None:
    services.responses = {request_line: [job(7, "queued")], "GET /jobs/7": [job(7, state)]}
    result = minuano(*words, services=services)
    assert result.exit_code == code, result.output
    assert f"job 7 {state}" in result.output


def test_a_job_that_does_not_end_in_time_ends_with_1(services: Services) -> None:
    services.responses = {"POST /jobs": [job(7, "queued")], "GET /jobs/7": [job(7, "running")]}
    result = minuano("run", "2025-12-05", "--timeout-s", "0.1", services=services)
    assert result.exit_code == 1
    assert "job 7 has not ended within 0.1 s" in str(result.exception)


def test_the_error_of_a_job_is_printed_without_markup(services: Services) -> None:
    failed = job(7, "failed", reason="schema", error="no column [bold]power[/bold]")
    services.responses = {"POST /jobs": [job(7, "queued")], "GET /jobs/7": [failed]}
    result = minuano("run", "2025-12-05", services=services)
    assert "job 7 failed: schema: no column [bold]power[/bold]" in result.output


@pytest.mark.parametrize("words", [["run", "2025-12-05"], ["backfill", "2025-12-05", "2025-12-06"]])
def test_a_job_is_for_changed_slices_only_if_the_option_says_so(
    services: Services, words: list[str]
) -> None:
    services.responses = {"POST /jobs": [job(7, "queued")]}
    for options in ([], ["--only-changed"]):
        minuano(*words, "--detach", *options, services=services)
    assert [request.get("only") for request in services.requests["POST /jobs"]] == [None, "changed"]


def test_the_result_of_a_job_has_the_number_of_unchanged_slices(services: Services) -> None:
    services.responses = {"POST /jobs": [job(7, "queued")]}
    for only, slices in ((None, "23 slices,"), ("changed", "23 slices (3 unchanged),")):
        services.responses["GET /jobs/7"] = [job(7, "done", only=only)]
        assert slices in minuano("run", "2025-12-05", services=services).output


@pytest.fixture
def differing(services: Services) -> Services:
    """Three days, nothing loaded, and no samples in the middle: two series of days."""
    services.responses = {
        "GET /extent": [
            {"first": "2025-12-01T00:00:00Z", "last": "2025-12-07T23:59:00Z", "assets": []}
        ],
        "GET /variables": [[{"name": name, "type": "x"} for name in ("wind_speed", "power")]],
        "GET /assets": [["T01"]],
        "GET /fingerprints": [
            [fingerprints("2025-12-05", "power"), fingerprints("2025-12-07", "wind_speed")]
        ],
        "POST /jobs": [job(1, "queued"), job(2, "queued")],
        "GET /jobs/1": [job(1, "done")],
        "GET /jobs/2": [job(2, "done")],
    }
    return services


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("done", "done", 0), ("failed", "done", 1), ("done", "failed", 1)],
)
def test_reconcile_ends_with_0_only_if_all_of_its_jobs_are_done(
    differing: Services, target_url: str, first: str, second: str, code: int
) -> None:
    differing.responses |= {"GET /jobs/1": [job(1, first)], "GET /jobs/2": [job(2, second)]}
    result = reconcile(differing, target_url, "--run")
    assert result.exit_code == code, result.output
    assert len(differing.requests["POST /jobs"]) == 2


def test_reconcile_posts_jobs_for_the_days_and_variables_that_differ(
    differing: Services, target_url: str
) -> None:
    reconcile(differing, target_url, "--run")
    assert differing.requests["POST /jobs"] == [
        {"start": day, "end": day, "variables": [variable], "assets": ["T01"], "only": "changed"}
        for day, variable in (("2025-12-05", "power"), ("2025-12-07", "wind_speed"))
    ]


def test_reconcile_without_run_ends_with_1_if_days_differ(
    differing: Services, target_url: str
) -> None:
    result = reconcile(differing, target_url)
    assert result.exit_code == 1
    assert "2025-12-05 to 2025-12-07; assets T01;" in result.output
    assert ": 2 days differ" in result.output
    assert differing.requests["POST /jobs"] == []


def reconcile(services: Services, target_url: str, *options: str) -> Any:
    return minuano(
        "reconcile", "--days", "3", *options, services=services, MINUANO_TARGET_URL=target_url
    )


def fingerprints(day: str, variable: str) -> dict[str, Any]:
    """The fingerprints of a turbine's day in the source."""
    return {"asset": "T01", "day": day, "rows": 1440, "fingerprints": {variable: "f" * 16}}
