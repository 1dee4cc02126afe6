"""The code location closes lost runs before it starts Dagster's server."""

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from services.orchestrator.code_server import LAUNCHED_TAG, close_lost_runs

TAGS = {LAUNCHED_TAG: "{}"}


@pytest.mark.parametrize(
    ("before", "after"),
    [("STARTED", "FAILURE"), ("STARTING", "FAILURE"), ("CANCELING", "CANCELED")],
)
def test_a_run_whose_process_was_killed_is_closed(before: str, after: str) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = add(instance, before, TAGS)
        assert close_lost_runs(instance) == [run.run_id]
        assert status(instance, run.run_id) == after


@pytest.mark.parametrize("before", ["NOT_STARTED", "SUCCESS", "FAILURE"])
def test_a_run_without_a_process_is_not_changed(before: str) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = add(instance, before, TAGS)
        assert close_lost_runs(instance) == []
        assert status(instance, run.run_id) == before


def test_a_run_of_another_launcher_is_not_changed() -> None:
    with DagsterInstance.ephemeral() as instance:
        add(instance, "STARTED", {})
        assert close_lost_runs(instance) == []


def add(instance: DagsterInstance, status: str, tags: dict[str, str]) -> DagsterRun:
    return instance.add_run(DagsterRun("statistics", status=DagsterRunStatus(status), tags=tags))


def status(instance: DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value
