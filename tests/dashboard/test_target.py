"""How the dashboard's sessions on the target are limited."""

import pytest
from fastapi.testclient import TestClient

from shared.errors import Unavailable
from tests.dashboard.dashboard_client import dependencies


def test_queries_of_the_dashboard_cannot_write(client: TestClient) -> None:
    with pytest.raises(Unavailable, match="read-only"):
        dependencies(client).target.fetch("DELETE FROM data")


def test_queries_of_the_dashboard_have_a_time_limit(client: TestClient) -> None:
    assert dependencies(client).target.fetch("SHOW statement_timeout") == [("30s",)]
