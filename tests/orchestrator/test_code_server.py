"""What the code location's process does before Dagster's server takes over."""

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from services.orchestrator.code_server import LAUNCHED_HERE, close_lost_runs

HERE = {LAUNCHED_HERE: "{}"}


@pytest.mark.parametrize(
    ("before", "after"),
    [("STARTED", "FAILURE"), ("STARTING", "FAILURE"), ("CANCELING", "CANCELED")],
)
def test_a_run_whose_process_was_killed_is_closed(before: str, after: str) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = add(instance, before, HERE)
        assert close_lost_runs(instance) == [run.run_id]
        assert status(instance, run.run_id) == after


@pytest.mark.parametrize("before", ["NOT_STARTED", "SUCCESS", "FAILURE"])
def test_a_run_that_has_no_process_is_left_alone(before: str) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = add(instance, before, HERE)
        assert close_lost_runs(instance) == []
        assert status(instance, run.run_id) == before


def test_a_run_that_another_launcher_started_is_its_own_affair() -> None:
    with DagsterInstance.ephemeral() as instance:
        add(instance, "STARTED", {})
        assert close_lost_runs(instance) == []


def add(instance: DagsterInstance, status: str, tags: dict[str, str]) -> DagsterRun:
    return instance.add_run(DagsterRun("statistics", status=DagsterRunStatus(status), tags=tags))


def status(instance: DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value
