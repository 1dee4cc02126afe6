"""The request id: the caller's if it is safe in a log, else a generated one."""

import re

import pytest
from fastapi.testclient import TestClient

from shared.http.app import REQUEST_ID, create_app
from shared.http.settings import HttpSettings


def returned_id(sent: str) -> str:
    """The id in the response to a request with the id `sent`."""
    app = create_app("test", "", HttpSettings(port=1), ready=lambda: None)
    with TestClient(app, "http://localhost") as client:
        headers = [(REQUEST_ID.encode(), sent.encode("latin-1"))]
        return str(client.get("/health/live", headers=headers).headers[REQUEST_ID])


@pytest.mark.parametrize("sent", ["mine-1", "a" * 64])
def test_a_valid_request_id_is_kept(sent: str) -> None:
    assert returned_id(sent) == sent


@pytest.mark.parametrize("sent", ["", "two words", "a" * 65, "\x1b[31m", "grün", "job=1"])
def test_an_invalid_request_id_is_replaced(sent: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", returned_id(sent))
