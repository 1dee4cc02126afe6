"""What is passed on, where it can't be."""

from typing import Any

import pytest
from fastapi.testclient import TestClient


def test_a_source_that_is_not_ours_is_not_filled(client: TestClient) -> None:
    answer = client.post("/api/generate-data", json={"days": 1})
    assert answer.status_code == 403
    assert "MINUANO_SAMPLE_DATA_URL" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "owner"),
    [
        ("POST", "/api/jobs", {"date": "2025-12-05"}, "extractor"),
        ("GET", "/api/jobs", None, "extractor"),
        ("POST", "/api/jobs/1/cancel", None, "extractor"),
        ("POST", "/api/run-etl", {"days": 1}, "connector"),
        ("GET", "/api/data?start=2025-12-05", None, "connector"),
    ],
)
def test_without_its_owner_a_request_is_refused_for_now(
    client: TestClient, method: str, path: str, body: Any, owner: str
) -> None:
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert f"no {owner} answers" in answer.json()["detail"]
