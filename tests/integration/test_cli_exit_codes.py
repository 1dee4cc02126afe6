"""How commands end that wait for jobs, against services that answer what a test wants."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app
from tests.integration.services import Services, job, serving


@pytest.fixture
def services() -> Iterator[Services]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def no_stack_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def minuano(services: Services, *words: str, **settings: str) -> Result:
    """The command, in this process, with these settings and no others."""
    others = {name: None for name in os.environ if name.startswith("MINUANO_")}
    urls = {"MINUANO_EXTRACTOR_URL": services.url, "MINUANO_CONNECTOR_URL": services.url}
    return CliRunner().invoke(app, words, env={**others, **urls, **settings})


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
    services.answers = {asked: [job(7, "queued")], "GET /jobs/7": [job(7, state)]}
    ended = minuano(services, *words)
    assert ended.exit_code == code, ended.output
    assert f"job 7 {state}" in ended.output


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("done", "done", 0), ("failed", "done", 1), ("done", "failed", 1)],
)
def test_reconcile_has_put_it_right_only_if_all_of_its_jobs_are_done(
    services: Services, target_url: str, first: str, second: str, code: int
) -> None:
    """Of three days one in the middle has no samples: two jobs are asked for."""
    services.answers = {
        "GET /extent": [{"first": "2025-12-01T00:00:00Z", "last": "2025-12-07T23:59:00Z"}],
        "GET /fingerprints": [[prints("2025-12-05"), prints("2025-12-07")]],
        "POST /jobs": [job(1, "queued"), job(2, "queued")],
        "GET /jobs/1": [job(1, first)],
        "GET /jobs/2": [job(2, second)],
    }
    ended = minuano(services, "reconcile", "--days", "3", "--run", MINUANO_TARGET_URL=target_url)
    assert ended.exit_code == code, ended.output
    assert [(asked["start"], asked["end"]) for asked in services.asked["POST /jobs"]] == [
        ("2025-12-05", "2025-12-05"), ("2025-12-07", "2025-12-07"),
    ]  # fmt: skip


def prints(day: str) -> dict[str, Any]:
    """What the source has of a turbine's day."""
    return {"asset": "T01", "day": day, "rows": 1440, "fingerprints": {"power": "f" * 16}}
