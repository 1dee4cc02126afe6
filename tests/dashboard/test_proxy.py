"""Requests for another service while that service is unavailable."""

from typing import Any

import pytest
from fastapi.testclient import TestClient


def test_without_the_setting_no_sample_data_is_generated(client: TestClient) -> None:
    answer = client.post("/api/generate-data", json={"days": 1})
    assert answer.status_code == 403
    assert "MINUANO_SAMPLE_DATA_URL" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "service"),
    [
        ("POST", "/api/jobs", {"date": "2025-12-05"}, "extractor"),
        ("GET", "/api/jobs", None, "extractor"),
        ("POST", "/api/jobs/1/cancel", None, "extractor"),
        ("POST", "/api/run-etl", {"days": 1}, "connector"),
        ("GET", "/api/data?start=2025-12-05", None, "connector"),
    ],
)
def test_without_the_service_that_answers_it_a_request_is_a_503(
    client: TestClient, method: str, path: str, body: Any, service: str
) -> None:
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert f"no {service} answers" in answer.json()["detail"]
