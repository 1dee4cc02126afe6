"""Keys, as every HTTP service checks them: replaced without a gap, compared in constant time."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import SecretStr

from shared.http.app import bearer, create_app
from shared.settings import ServiceSettings

OLD, NEW = "old-key", "new-key"


@contextmanager
def serving(keys: str) -> Iterator[TestClient]:
    """A service with one endpoint behind these keys."""
    router = APIRouter()
    router.add_api_route("/behind", lambda: "served")
    settings = ServiceSettings(port=1, api_key=SecretStr(keys))
    app = create_app("test", "", settings, ready=lambda: None, router=router)
    with TestClient(app) as client:
        yield client


def status(client: TestClient, key: str) -> int:
    return client.get("/behind", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_is_replaced_without_a_gap() -> None:
    for keys, expected in {
        OLD: [200, 401], f"{OLD},{NEW}": [200, 200], f"{NEW},{OLD}": [200, 200], NEW: [401, 200],
    }.items():  # fmt: skip
        with serving(keys) as client:
            assert [status(client, OLD), status(client, NEW)] == expected


@pytest.mark.parametrize(("keys", "sent"), [(f"{OLD},{NEW}", OLD), (f" {NEW} ,{OLD}", NEW)])
def test_the_first_key_is_the_one_that_is_sent(keys: str, sent: str) -> None:
    assert bearer(SecretStr(keys)) == {"Authorization": f"Bearer {sent}"}


def test_every_key_is_compared_in_constant_time_and_by_its_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    # Time can't be measured so exactly: patched, to see that it is used for all keys.
    monkeypatch.setattr(hmac, "compare_digest", noted)
    with serving(f"{OLD},{NEW}") as client:
        assert status(client, OLD) == 200
    assert len(compared) == 2  # the second too, though the first one fits
    assert {len(part) for pair in compared for part in pair} == {32}
