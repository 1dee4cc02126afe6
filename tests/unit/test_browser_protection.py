"""Requests that another site makes a browser send: cross-site ones, and those to a rebound name."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import SecretStr

from shared.http.app import create_app
from shared.http.settings import HttpSettings

KEY = "one-key"
CANCEL = "/jobs/1/cancel"
BEARER = {"Authorization": f"Bearer {KEY}"}


def _client(key: str | None = None, hosts: str = "") -> TestClient:
    """A client of a service with an endpoint that changes something."""
    router = APIRouter()
    router.add_api_route(CANCEL, lambda: "cancelled", methods=["GET", "POST"])
    api_key = SecretStr(key) if key else None
    settings = HttpSettings(port=1, api_key=api_key, allowed_hosts=hosts)
    app = create_app("extractor", "", settings, ready=lambda: None, router=router)
    return TestClient(app, "http://localhost:8001")


@pytest.fixture
def client() -> Iterator[TestClient]:
    with _client() as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:9000"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": "Basic YTpi"}, 403),
        ({"Sec-Fetch-Site": "cross-site", **BEARER}, 200),
        ({"Origin": "http://localhost:8001"}, 200),
        ({"Origin": "http://localhost:9000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://localhost:8001@evil.example"}, 403),
    ],
)
def test_another_site_changes_nothing(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.post(CANCEL, headers=headers).status_code == status
    assert client.get(CANCEL, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:1", "wind.localhost", "extractor:8001", "127.0.0.1", "127.0.0.1:9",
     "10.2.3.4:8001", "[::1]", "[::1]:8001", "[2001:db8::1]:8001", "etl.example", "etl:80"],
)  # fmt: skip
def test_known_hosts_are_served(host: str) -> None:
    with _client(hosts="etl.example, etl") as client:
        assert client.get(CANCEL, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8001", "localhost.evil.example", "extractor.evil.example",
     "127.0.0.1.evil.example", "evillocalhost", "[evil]", "x@localhost", "localhost:x", ""],
)  # fmt: skip
def test_an_unknown_host_is_refused_and_named(client: TestClient, host: str) -> None:
    response = client.get(CANCEL, headers={"Host": host})
    assert response.status_code == 421
    assert response.headers["content-type"] == "application/problem+json"
    assert repr(host) in response.json()["detail"]
    assert "MINUANO_ALLOWED_HOSTS" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_monitoring_may_use_any_host(client: TestClient, path: str) -> None:
    assert client.get(path, headers={"Host": "probe.example"}).status_code == 200


def test_where_a_key_is_required_every_host_is_served() -> None:
    with _client(KEY) as client:
        headers = {"Host": "etl.example", **BEARER}
        assert client.get(CANCEL, headers=headers).status_code == 200
