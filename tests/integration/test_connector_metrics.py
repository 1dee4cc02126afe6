"""The Prometheus metrics that every HTTP service has, tested with the connector."""

from tests.integration.connector_process import MINUTES, connector, execute


def test_metrics_are_text_as_documented(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        response = client.get("/metrics")
        documented = client.get("/openapi.json").json()["paths"]["/metrics"]["get"]["responses"]
    assert response.headers["content-type"].startswith("text/plain")
    assert list(documented["200"]["content"]) == ["text/plain"]
    assert "# TYPE http_requests_total counter" in response.text
