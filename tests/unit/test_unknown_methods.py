"""Requests with methods that a client invents."""

from fastapi.testclient import TestClient

from shared.http.app import create_app
from shared.http.settings import HttpSettings


def test_invented_methods_are_refused_and_not_in_the_metrics() -> None:
    app = create_app("loader", "", HttpSettings(port=1), ready=lambda: None)
    with TestClient(app, "http://localhost") as client:
        for path in ("/docs", "/nowhere"):
            response = client.request("INVENTED", path)
            assert (response.status_code, response.json()["status"]) == (501, 501)
        assert client.request("TRACE", "/docs").status_code == 405
        metrics = client.get("/metrics").text
    assert 'method="TRACE"' in metrics
    assert "INVENTED" not in metrics
