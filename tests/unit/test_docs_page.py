"""The page at /docs: it loads nothing from another host, and its policy forbids it."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from shared.http.app import create_app
from shared.http.settings import HttpSettings


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = create_app("test", "", HttpSettings(port=1), ready=lambda: None)
    with TestClient(app, "http://localhost") as client:
        yield client


def test_every_file_of_the_page_is_served_by_the_service(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    urls = [url for url in re.findall(r'(?:src|href)="([^"]*)"', page.text) if url != "data:,"]
    assert len(urls) == 4
    assert all(url.startswith("/docs/static/") for url in urls)
    assert [client.get(url).status_code for url in urls] == [200] * 4


def test_the_page_has_no_inline_scripts(client: TestClient) -> None:
    assert not re.findall(r"<script(?![^>]*\bsrc=)", client.get("/docs").text)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/nowhere"])
def test_the_policy_allows_only_this_host(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_there_is_no_second_page(client: TestClient) -> None:
    assert client.get("/redoc").status_code == 404
