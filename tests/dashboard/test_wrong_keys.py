"""Wrong keys slow down only what needs a key."""

import pytest
from pydantic import SecretStr

from services.dashboard.web.sessions import COOKIE
from shared.http.key_check import FREE_ATTEMPTS
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard

KEY = "one-key"


@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/api/pipeline"])
def test_an_address_that_has_to_wait_keeps_its_session_and_the_health_checks(
    target_url: str, redis_settings: RedisSettings, path: str
) -> None:
    with dashboard(target_url, redis_settings, api_key=SecretStr(KEY)) as client:
        client.post("/sign-in", data={"key": KEY})
        session = client.cookies[COOKIE]
        client.cookies.clear()
        for n in range(FREE_ATTEMPTS + 1):
            client.get("/api/pipeline", headers={"Authorization": f"Bearer guess-{n}"})
        token = {"Authorization": "Bearer that-of-another-service"}
        assert client.get("/api/pipeline", headers=token).status_code == 429
        client.cookies.set(COOKIE, session)
        assert client.get(path, headers=token).status_code == 200
