"""The check of API keys: keys can be replaced without downtime and are compared safely."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import SecretStr

from shared.clients.settings import ClientSettings
from shared.http.app import create_app
from shared.http.settings import HttpSettings

OLD, NEW = "old-key", "new-key"


@contextmanager
def serving(keys: str) -> Iterator[TestClient]:
    """A service with these keys and one endpoint that needs a key."""
    router = APIRouter()
    router.add_api_route("/protected", lambda: "served")
    settings = HttpSettings(port=1, api_key=SecretStr(keys))
    app = create_app("test", "", settings, ready=lambda: None, router=router)
    with TestClient(app) as client:
        yield client


def status(client: TestClient, key: str) -> int:
    return client.get("/protected", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_can_be_replaced_without_downtime() -> None:
    for keys, expected in {
        OLD: [200, 401], f"{OLD},{NEW}": [200, 200], f"{NEW},{OLD}": [200, 200], NEW: [401, 200],
    }.items():  # fmt: skip
        with serving(keys) as client:
            assert [status(client, OLD), status(client, NEW)] == expected


@pytest.mark.parametrize(("keys", "expected"), [(f"{OLD},{NEW}", OLD), (f" {NEW} ,{OLD}", NEW)])
def test_a_client_sends_the_first_key(keys: str, expected: str) -> None:
    assert ClientSettings(api_key=SecretStr(keys)).headers == {
        "Authorization": f"Bearer {expected}"
    }


def test_the_hash_of_every_key_is_compared_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def record(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    # Time cannot be measured so exactly: the patch records which keys are compared.
    monkeypatch.setattr(hmac, "compare_digest", record)
    with serving(f"{OLD},{NEW}") as client:
        assert status(client, OLD) == 200
    assert len(compared) == 2  # also the second key, although the first one matches
    assert {len(digest) for pair in compared for digest in pair} == {32}
