"""What every HTTP service tells Prometheus, seen at one of them."""

from tests.integration.connector_process import MINUTES, connector, execute


def test_metrics_are_text_as_documented(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        answer = client.get("/metrics")
        described = client.get("/openapi.json").json()["paths"]["/metrics"]["get"]["responses"]
    assert answer.headers["content-type"].startswith("text/plain")
    assert list(described["200"]["content"]) == ["text/plain"]
    assert "# TYPE http_requests_total counter" in answer.text
