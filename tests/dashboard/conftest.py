"""The dashboard over an empty target, in this process."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard


@pytest.fixture
def client(target_url: str, redis_settings: RedisSettings) -> Iterator[TestClient]:
    """A client of a dashboard that asks for no key; connector and extractor are away."""
    with dashboard(target_url, redis_settings) as found:
        yield found
