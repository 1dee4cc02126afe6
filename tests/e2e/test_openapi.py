"""The services respond as their OpenAPI documents say, to valid and invalid requests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.openapi import run_schemathesis, running_with_api_key
from tests.e2e.pipeline import Pipeline

pytestmark = pytest.mark.timeout(600)
EXAMPLES = [3, pytest.param(12, marks=pytest.mark.thorough)]
WITHIN_S = 500
# Responses that must occur; otherwise a service that refuses everything would pass.
REACHED = {
    "connector": {
        "GET /data 200", "GET /data 401", "GET /data 405", "GET /data 422", "GET /variables 200",
        "GET /assets 200", "GET /extent 200",
    },
    "extractor": {
        "POST /jobs 202", "POST /jobs 401", "POST /jobs 409", "POST /jobs 415",
        "POST /jobs 422", "GET /jobs 200", "GET /jobs/{id} 200", "GET /jobs/{id} 404",
        "GET /jobs/{id}/events 200", "POST /jobs/{id}/cancel 409", "GET /statistics 200",
    },
    "dashboard": {
        "GET /api/signals 200", "GET /api/signals/data 200", "GET /api/signals/data 401",
        "GET /api/signals/data 422", "GET /api/quality 200", "GET /api/coverage 200",
        "GET /api/series 200", "GET /api/power-curve 200", "GET /api/jobs 200",
        "POST /api/jobs 202", "GET /api/jobs/{id} 404", "GET /api/jobs/{id}/events 404",
        "GET /api/data 200",
        "POST /api/run-etl 202", "POST /api/generate-data 201", "GET /api/pipeline 200",
        "GET /api/pipeline/history 200", "GET /api/dead 200",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with running_with_api_key() as pipeline:
        yield pipeline


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("service", list(REACHED))
def test_every_response_is_documented(
    pipeline: Pipeline, service: str, examples: int, tmp_path: Path
) -> None:
    options = ("--generation-deterministic", "--max-examples", str(examples))
    result = run_schemathesis(pipeline, service, *options, cwd=tmp_path, within_s=WITHIN_S)
    assert result.passed, result.output
    assert REACHED[service] - result.responses.keys() == set()
