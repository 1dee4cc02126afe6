"""Authentication, sessions, protection against cross-site requests, and preferences."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner
from pydantic import SecretStr
from sqlalchemy import Engine, text

from services.dashboard.web.sessions import COOKIE, Sessions
from services.dashboard.web.templates import PAGES
from shared.http.key_check import FREE_ATTEMPTS
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard, dependencies

KEY, NEXT_KEY = "one-key", "the-next-key"
PAGE_PATHS = [path for path, _ in PAGES]


@pytest.fixture
def protected(target_url: str, redis_settings: RedisSettings) -> Iterator[TestClient]:
    """A dashboard with two active keys."""
    keys = SecretStr(f"{KEY},{NEXT_KEY}")
    with dashboard(target_url, redis_settings, api_key=keys) as client:
        yield client


def sign_in(client: TestClient, key: str = KEY, back: str = "/") -> Any:
    return client.post("/sign-in", data={"key": key, "back": back})


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_without_keys_every_page_is_public(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_a_page_redirects_to_sign_in_and_back(protected: TestClient, path: str) -> None:
    response = protected.get(path)
    assert (response.status_code, response.headers["location"]) == (
        303, f"/sign-in?back={path.replace('/', '%2F')}",
    )  # fmt: skip


def test_the_api_requires_a_key(protected: TestClient) -> None:
    response = protected.get("/api/pipeline")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.headers["content-type"] == "application/problem+json"
    assert protected.get(
        "/api/pipeline", headers={"Authorization": f"Bearer {NEXT_KEY}"}
    ).is_success


def test_the_openapi_document_requires_a_key(protected: TestClient) -> None:
    assert protected.get("/openapi.json").status_code == 401


def test_public_paths_need_no_key(protected: TestClient) -> None:
    for path in ("/health/live", "/health/ready", "/metrics", "/static/app.css", "/sign-in"):
        assert protected.get(path).status_code == 200, path


def test_an_active_key_begins_a_session(protected: TestClient) -> None:
    response = sign_in(protected, back="/data?start=2025-12-05")
    assert (response.status_code, response.headers["location"]) == (303, "/data?start=2025-12-05")
    cookie = response.headers["set-cookie"]
    assert KEY not in cookie
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert protected.get("/").status_code == 200
    assert protected.get("/api/pipeline").status_code == 200


def test_an_unknown_key_begins_no_session(protected: TestClient) -> None:
    response = sign_in(protected, key="wrong")
    assert response.status_code == 401
    assert "This key is not active." in response.text
    assert "set-cookie" not in response.headers
    assert protected.get("/").status_code == 303


def test_the_language_can_be_set_before_signing_in(protected: TestClient) -> None:
    response = protected.post("/preferences", data={"language": "pt", "back": "/sign-in"})
    assert response.headers["location"] == "/sign-in"
    page = protected.get("/sign-in").text
    assert 'lang="pt"' in page
    assert "Sair" not in page


def test_signing_out_ends_the_session(protected: TestClient) -> None:
    sign_in(protected)
    assert protected.post("/sign-out").headers["location"] == "/sign-in"
    assert protected.get("/").status_code == 303


def test_the_cookie_of_a_session_that_was_signed_out_is_worth_nothing(
    protected: TestClient, target_url: str, redis_settings: RedisSettings
) -> None:
    sign_in(protected)
    cookie = protected.cookies[COOKIE]
    keys = SecretStr(f"{KEY},{NEXT_KEY}")
    with dashboard(target_url, redis_settings, api_key=keys) as replica:
        replica.cookies.set(COOKIE, cookie)
        assert replica.get("/").status_code == 200
        protected.post("/sign-out")
        protected.cookies.set(COOKIE, cookie)
        assert protected.get("/").status_code == 303
        dependencies(replica).ended_sessions.refresh()
        assert replica.get("/").status_code == 303


def test_signing_out_ends_only_one_session(protected: TestClient) -> None:
    sign_in(protected)
    other = protected.cookies[COOKIE]
    sign_in(protected)
    assert protected.cookies[COOKIE] != other
    protected.post("/sign-out")
    protected.cookies.set(COOKIE, other)
    assert protected.get("/").status_code == 200


def test_ended_sessions_are_forgotten_when_their_cookies_have_expired(
    protected: TestClient, target: Engine
) -> None:
    for _ in range(2):
        sign_in(protected)
        protected.post("/sign-out")
        with target.begin() as connection:
            connection.execute(text("UPDATE etl.ended_session SET expires_at = '2020-01-01'"))
    sign_in(protected)
    protected.post("/sign-out")
    with target.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM etl.ended_session")) == 1


def test_signing_in_slows_down_after_wrong_keys(protected: TestClient) -> None:
    statuses = [sign_in(protected, key=f"guess-{n}").status_code for n in range(FREE_ATTEMPTS + 1)]
    assert statuses == [401] * FREE_ATTEMPTS + [429]
    response = sign_in(protected)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert "Too many wrong keys" in response.text
    headers = {"Authorization": f"Bearer {KEY}"}
    assert protected.get("/api/pipeline", headers=headers).status_code == 429


@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "https://evil.example", ""])
def test_sign_in_redirects_only_to_this_host(protected: TestClient, back: str) -> None:
    assert sign_in(protected, back=back).headers["location"] == "/"


def test_a_session_is_valid_until_its_key_is_removed() -> None:
    cookie = Sessions(SecretStr(f"{KEY},{NEXT_KEY}"), hours=1).begin(KEY, address="192.0.2.1")
    assert Sessions(SecretStr(f"{NEXT_KEY},{KEY}"), hours=1).is_valid(cookie)
    assert not Sessions(SecretStr(NEXT_KEY), hours=1).is_valid(cookie)


def test_a_session_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_765_000_000
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now)
    sessions = Sessions(SecretStr(KEY), hours=1)
    cookie = sessions.begin(KEY, address="192.0.2.1")
    now += 3600
    assert sessions.is_valid(cookie)
    now += 1
    assert not sessions.is_valid(cookie)


@pytest.mark.parametrize("cookie", ["", "signed-in", "signed-in.x.y", "é", None])
def test_a_forged_cookie_is_invalid(cookie: str | None) -> None:
    assert not Sessions(SecretStr(KEY), hours=1).is_valid(cookie)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 303),
    ],
)
def test_a_cross_site_request_is_rejected(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    response = client.post("/preferences", data={"language": "pt"}, headers=headers)
    assert response.status_code == status


def test_htmx_redirects_the_whole_page_to_sign_in(protected: TestClient) -> None:
    response = protected.get("/jobs", headers={"HX-Request": "true"})
    assert (response.status_code, response.headers["hx-redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("path", [*PAGE_PATHS, "/sign-in", "/nowhere", "/static/app.js"])
def test_the_content_security_policy_allows_only_this_host(client: TestClient, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/html"})
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [*PAGE_PATHS, "/sign-in", "/nowhere"])
def test_no_page_has_inline_scripts_or_styles(client: TestClient, path: str) -> None:
    html = client.get(path, headers={"Accept": "text/html"}).text
    assert "</html>" in html
    assert not re.findall(r"<script(?![^>]*\bsrc=)", html)
    assert not re.findall(r"\s(?:style|on[a-z]+)=", html)
    assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", html)


def test_preferences_are_saved(client: TestClient) -> None:
    response = client.post(
        "/preferences", data={"language": "pt", "timezone": "utc", "back": "/data"}
    )
    assert response.headers["location"] == "/data"
    assert '<html lang="pt"' in client.get("/").text
    client.post("/preferences", data={"language": "xx"})
    assert '<html lang="pt"' in client.get("/").text
