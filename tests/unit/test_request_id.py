"""The id of a request: the caller's if it can stand in a log, else one that the service makes."""

import re

import pytest
from fastapi.testclient import TestClient

from shared.http.app import REQUEST_ID, create_app
from shared.settings import ServiceSettings


def answered(given: str) -> str:
    """The id in the answer to a request with this id."""
    app = create_app("test", "", ServiceSettings(port=1), ready=lambda: None)
    with TestClient(app) as client:
        headers = [(REQUEST_ID.encode(), given.encode("latin-1"))]
        return str(client.get("/health/live", headers=headers).headers[REQUEST_ID])


@pytest.mark.parametrize("given", ["mine-1", "a" * 64])
def test_a_valid_request_id_is_kept(given: str) -> None:
    assert answered(given) == given


@pytest.mark.parametrize("given", ["", "two words", "a" * 65, "\x1b[31m", "grün", "job=1"])
def test_an_invalid_request_id_is_replaced(given: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", answered(given))
