"""Settings that name a variable which the source does not have."""

import pytest
from sqlalchemy import Engine

from shared.domain.spec import StatisticsSpec
from shared.settings import RedisSettings
from tests.integration.commands import minuano
from tests.integration.job_handler_case import extractors
from tests.integration.jobs import VARIABLES, assert_problem, serving
from tests.integration.services import serving as fake_services
from tests.integration.stub_connector import json_response, stub_connector

MISTAKES = [
    ({"circular_variables": "power,winddir"}, "MINUANO_CIRCULAR_VARIABLES", "winddir"),
    ({"value_limits": {"pover": (0.0, 1.0)}}, "MINUANO_VALUE_LIMITS", "pover"),
]


@pytest.mark.parametrize(("changed", "setting", "name"), MISTAKES)
def test_a_request_is_refused(
    target: Engine, redis_settings: RedisSettings, changed: dict[str, str], setting: str, name: str
) -> None:
    with stub_connector() as server:
        server.respond_with(json_response(VARIABLES))
        with serving(target, redis_settings, server.url, **changed) as api:
            assert_problem(api.post(), 422, f"{setting}: the source has no {name}; it has wind_sp")
            assert (api.entries(), api.ledger.jobs(limit=9)) == ([], [])


@pytest.mark.parametrize(("changed", "setting", "name"), MISTAKES)
def test_a_job_that_was_accepted_without_the_connector_fails(
    target: Engine, redis_settings: RedisSettings, changed: dict[str, str], setting: str, name: str
) -> None:
    with extractors(target, redis_settings) as make:
        extractor = make(**changed)
        job = extractor.job()
        extractor.handle(job)
        ended = extractor.ledger.job(job.id)
    assert (ended.state, ended.reason) == ("failed", "settings")
    assert f"{setting}: the source has no {name}" in str(ended.error)


def test_the_doctor_tells_a_wrong_name_as_a_problem_and_a_direction_as_a_warning() -> None:
    spec = StatisticsSpec(circular_variables=("winddir",))
    with fake_services() as services:
        services.responses = {
            "GET /variables": [[*VARIABLES, {"name": "wind_direction", "type": "real"}]],
            "GET /extent": [{"first": None, "last": None, "assets": []}],
            "GET /health/ready": [{}], "GET /jobs": [{"jobs": []}],
            "GET /statistics": [spec.model_dump(mode="json")],
        }  # fmt: skip
        result = minuano(
            "doctor", services=services, MINUANO_VARIABLES="power,pover", MINUANO_CIRCULAR="x"
        )
    lines = result.output.splitlines()
    assert [line[0] for line in lines if "do you mean MINUANO_CIRCULAR_VARIABLES?" in line] == ["✗"]
    assert [line[0] for line in lines if "MINUANO_VARIABLES names pover" in line] == ["✗"]
    assert [line[0] for line in lines if "MINUANO_CIRCULAR_VARIABLES names winddir" in line] == (
        ["✗"]
    )
    assert [line[0] for line in lines if "wind_direction looks like" in line] == ["!"]
