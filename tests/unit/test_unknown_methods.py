"""Requests with methods that a client invents."""

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import instrumentation

from shared.http.app import create_app
from shared.http.settings import HttpSettings


def test_invented_methods_are_refused_and_not_in_the_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In a registry the metrics belong to the first app of a process.
    monkeypatch.setattr(instrumentation, "REGISTRY", CollectorRegistry())
    app = create_app("loader", "", HttpSettings(port=1), ready=lambda: None)
    with TestClient(app, "http://localhost") as client:
        for path in ("/docs", "/nowhere"):
            response = client.request("INVENTED", path)
            assert (response.status_code, response.json()["status"]) == (501, 501)
        assert client.request("TRACE", "/docs").status_code == 405
        metrics = client.get("/metrics").text
    assert 'method="TRACE"' in metrics
    assert "INVENTED" not in metrics
