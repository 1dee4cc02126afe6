"""Who may see the dashboard, and what another site can't make a browser do."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from services.dashboard.web.sessions import Sessions
from services.dashboard.web.templates import PAGES
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard

KEY, NEXT = "one-key", "the-next-key"
EVERY_PAGE = [path for path, _ in PAGES]


@pytest.fixture
def locked(target_url: str, redis_settings: RedisSettings) -> Iterator[TestClient]:
    """A dashboard that asks for one of two keys."""
    keys = SecretStr(f"{KEY},{NEXT}")
    with dashboard(target_url, redis_settings, api_key=keys) as found:
        yield found


def sign_in(client: TestClient, key: str = KEY, back: str = "/") -> Any:
    return client.post("/sign-in", data={"key": key, "back": back})


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_without_a_key_set_everybody_sees_every_page(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_page_sends_whoever_is_not_signed_in_to_sign_in_and_back(
    locked: TestClient, path: str
) -> None:
    answer = locked.get(path)
    assert (answer.status_code, answer.headers["location"]) == (
        303, f"/sign-in?back={path.replace('/', '%2F')}",
    )  # fmt: skip


def test_the_api_asks_for_a_key(locked: TestClient) -> None:
    answer = locked.get("/api/pipeline")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert locked.get("/api/pipeline", headers={"Authorization": f"Bearer {NEXT}"}).is_success


def test_the_openapi_document_asks_for_a_key_too(locked: TestClient) -> None:
    assert locked.get("/openapi.json").status_code == 401


def test_what_needs_no_key_tells_nothing_of_the_data(locked: TestClient) -> None:
    for path in ("/health/live", "/health/ready", "/metrics", "/static/app.css", "/sign-in"):
        assert locked.get(path).status_code == 200, path


def test_an_active_key_begins_a_session(locked: TestClient) -> None:
    answer = sign_in(locked, back="/data?start=2025-12-05")
    assert (answer.status_code, answer.headers["location"]) == (303, "/data?start=2025-12-05")
    cookie = answer.headers["set-cookie"]
    assert KEY not in cookie
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert locked.get("/").status_code == 200
    assert locked.get("/api/pipeline").status_code == 200


def test_another_key_does_not(locked: TestClient) -> None:
    answer = sign_in(locked, key="wrong")
    assert answer.status_code == 401
    assert "This key is not active." in answer.text
    assert "set-cookie" not in answer.headers
    assert locked.get("/").status_code == 303


def test_language_and_clock_can_be_chosen_before(locked: TestClient) -> None:
    answer = locked.post("/choices", data={"language": "pt", "back": "/sign-in"})
    assert answer.headers["location"] == "/sign-in"
    page = locked.get("/sign-in").text
    assert 'lang="pt"' in page
    assert "Sair" not in page


def test_signing_out_ends_the_session(locked: TestClient) -> None:
    sign_in(locked)
    assert locked.post("/sign-out").headers["location"] == "/sign-in"
    assert locked.get("/").status_code == 303


@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "https://evil.example", ""])
def test_nobody_is_sent_elsewhere(locked: TestClient, back: str) -> None:
    assert sign_in(locked, back=back).headers["location"] == "/"


def test_a_cookie_holds_until_its_key_is_retired() -> None:
    cookie = Sessions(SecretStr(f"{KEY},{NEXT}"), hours=1).begin(KEY)
    assert Sessions(SecretStr(f"{NEXT},{KEY}"), hours=1).holds(cookie)
    assert not Sessions(SecretStr(NEXT), hours=1).holds(cookie)


def test_a_cookie_grows_old() -> None:
    now = 1_765_000_000.0
    sessions = Sessions(SecretStr(KEY), hours=1, clock=lambda: now)
    cookie = sessions.begin(KEY)
    now += 3600
    assert sessions.holds(cookie)
    now += 1
    assert not sessions.holds(cookie)


@pytest.mark.parametrize("cookie", ["", "signed-in", "signed-in.x.y", "é", None])
def test_a_cookie_that_is_not_ours_is_none(cookie: str | None) -> None:
    assert not Sessions(SecretStr(KEY), hours=1).holds(cookie)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://testserver"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 303),
    ],
)
def test_a_request_that_another_site_made_is_refused(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/choices", data={"language": "pt"}, headers=headers)
    assert answer.status_code == status


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(locked: TestClient) -> None:
    answer = locked.get("/jobs", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("path", [*EVERY_PAGE, "/sign-in", "/nowhere", "/static/app.js"])
def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline(
    client: TestClient, path: str
) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [*EVERY_PAGE, "/sign-in", "/nowhere"])
def test_no_page_has_a_script_or_a_style_inline(client: TestClient, path: str) -> None:
    shown = client.get(path, headers={"Accept": "text/html"}).text
    assert "</html>" in shown
    assert not re.findall(r"<script(?![^>]*\bsrc=)", shown)
    assert not re.findall(r"\s(?:style|on[a-z]+)=", shown)
    assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", shown)


def test_language_and_clock_are_remembered(client: TestClient) -> None:
    answer = client.post("/choices", data={"language": "pt", "clock": "utc", "back": "/data"})
    assert answer.headers["location"] == "/data"
    assert '<html lang="pt"' in client.get("/").text
    client.post("/choices", data={"language": "xx"})
    assert '<html lang="pt"' in client.get("/").text
