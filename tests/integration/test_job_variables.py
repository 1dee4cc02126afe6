"""The variables of a job that names none, or all."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from shared.errors import InvalidInput
from shared.settings import RedisSettings
from tests.integration.job_handler_case import extractors
from tests.integration.jobs import DATE, VARIABLES, assert_problem, serving
from tests.integration.stub_connector import StubConnector, json_response, stub_connector


@pytest.fixture
def server() -> Iterator[StubConnector]:
    with stub_connector() as running:
        running.respond_with(json_response(VARIABLES))
        yield running


def test_a_job_for_all_variables_has_those_of_the_source(
    target: Engine, redis_settings: RedisSettings, server: StubConnector
) -> None:
    names = [variable["name"] for variable in VARIABLES]
    with serving(target, redis_settings, server.url) as api:
        assert api.post({"date": DATE, "variables": ["*"]}).json()["variables"] == names
    with serving(target, redis_settings, server.url, variables="*") as api:
        assert api.post({"date": DATE}).json()["variables"] == names
    with serving(target, redis_settings, server.url, variables="power") as api:
        assert api.post({"date": DATE}).json()["variables"] == ["power"]


def test_a_source_may_have_too_many_variables_for_one_job(
    target: Engine, redis_settings: RedisSettings, server: StubConnector
) -> None:
    server.respond_with(json_response([{"name": f"v{n}", "type": "float8"} for n in range(101)]))
    with serving(target, redis_settings, server.url) as api:
        response = api.post({"date": DATE, "variables": ["*"]})
    assert_problem(response, 422)
    assert "the source has 101, and a job has 1 to 100" in response.text


def test_a_job_added_by_hand_for_too_many_variables_fails_with_a_documented_reason(
    target: Engine, redis_settings: RedisSettings
) -> None:
    with extractors(target, redis_settings) as make:
        extractor = make()
        extractor.source.variable_names = [f"v{n}" for n in range(101)]
        with pytest.raises(InvalidInput, match="the source has 101") as failure:
            extractor.handle_request("1-1", date=DATE, variables="*")
    assert failure.value.reason == "variables"
