"""The system of docker-compose.yml with Dagster: the profile `orchestration`."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.docker.compose import REQUEST_TIMEOUT_S, Compose, running_project
from tests.polling import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PROFILE = ("--profile", "orchestration")
DAGSTER = ("dagster-code", "dagster-webserver", "dagster-daemon")
DAY, ROWS = "2025-12-05", 1_152
SELECTOR = {
    "repositoryLocationName": "minuano",
    "repositoryName": "__repository__",
    "jobName": "statistics",
}
LAUNCH = """mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with running_project(tmp_path_factory.mktemp("compose"), *PROFILE) as project:
        yield project


def query_dagster(compose: Compose, query: str, **variables: Any) -> Any:
    """Send a GraphQL query to the webserver from the host; return its data."""
    response = httpx.post(
        f"http://127.0.0.1:{compose.dagster_port}/graphql",
        json={"query": query, "variables": variables}, timeout=REQUEST_TIMEOUT_S, trust_env=False,
    )  # fmt: skip
    return response.json()["data"]


def wait_for_end_state(compose: Compose, run_id: str, *, within_s: float) -> str:
    """Wait until a run has ended; return its state."""

    def state() -> str:
        return str(query_dagster(compose, RUN, id=run_id)["runOrError"]["status"])

    end_states = ("SUCCESS", "FAILURE", "CANCELED")
    wait_until(lambda: state() in end_states, within_s=within_s, what="the end of the run")
    return state()


def test_a_queued_run_loads_a_day(compose: Compose) -> None:
    tags = [{"key": "dagster/partition", "value": DAY}]
    params = {"selector": SELECTOR, "executionMetadata": {"tags": tags}}
    launched = query_dagster(compose, LAUNCH, params=params)["launchPipelineExecution"]
    assert wait_for_end_state(compose, launched["run"]["runId"], within_s=120) == "SUCCESS"
    assert compose.rows() == {DAY: ROWS}


@pytest.mark.parametrize("service", DAGSTER)
def test_dagster_does_not_run_as_root_and_writes_only_to_its_home(
    compose: Compose, service: str
) -> None:
    command = "id -u; touch /app/x 2>/dev/null || echo refused; touch /dagster/x && echo written"
    output = compose(*PROFILE, "exec", "-T", service, "sh", "-c", command)
    assert output.split() == ["10001", "refused", "written"]


def test_the_dagster_command_line_works(compose: Compose) -> None:
    words = ("python", "-m", "services.orchestrator", "dagster", "job", "list")
    assert "Job: statistics" in compose(*PROFILE, "exec", "-T", "dagster-code", *words)


def test_stopping_dagster_kills_no_container(compose: Compose) -> None:
    for service in reversed(DAGSTER):
        compose(*PROFILE, "stop", service)
        assert compose.exit_codes(service) == [0]
