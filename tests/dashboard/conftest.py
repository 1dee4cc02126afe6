"""A dashboard with an empty target, in the process of the test."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard


@pytest.fixture
def client(target_url: str, redis_settings: RedisSettings) -> Iterator[TestClient]:
    """A client of a dashboard without a key; connector and extractor are unreachable."""
    with dashboard(target_url, redis_settings) as client:
        yield client
