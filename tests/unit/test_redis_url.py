"""The options in `MINUANO_REDIS_URL`: those that would change our client are refused."""

from contextlib import closing
from typing import Any

import pytest

from shared.environment import load
from shared.errors import ConfigurationError
from shared.settings import RedisSettings
from shared.streams import redis_client


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("0?decode_responses=True", "option decode_responses; allowed: client_name, db,"),
        ("0?socket_timeout=1", "option socket_timeout;"),
        ("0?protocol=3", "option protocol;"),
        ("0?db=1&unknown", "option unknown;"),
        ("0?ssl_cert_reqs=none", "option ssl_cert_reqs;"),
        ("0?db=1", "option db and another db before it"),
        ("0?password=hush", "option password and another password before it"),
        ("zero", "must be a number"),
        ("?db=zero", "not a URL"),
    ],
)
def test_options_of_the_redis_url_that_would_change_the_client_are_refused(
    monkeypatch: pytest.MonkeyPatch, rest: str, words: str
) -> None:
    monkeypatch.setenv("MINUANO_REDIS_URL", f"redis://:hush@host/{rest}")
    with pytest.raises(ConfigurationError, match=f"MINUANO_REDIS_URL: .*{words}") as refused:
        load(RedisSettings)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "db"),
    [
        ("redis://host", 0), ("redis://host/", 0),
        ("redis://host/2?client_name=us&username=me&password=x", 2),
        ("unix:///tmp/redis.sock?db=2", 2),
        ("rediss://host/0?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem", 0),
    ],
)  # fmt: skip
def test_other_options_of_the_redis_url_are_those_of_the_client(
    monkeypatch: pytest.MonkeyPatch, url: str, db: int
) -> None:
    monkeypatch.setenv("MINUANO_REDIS_URL", url)
    with closing(redis_client.connect(load(RedisSettings))) as client:
        connection: Any = client.connection_pool.make_connection()
        assert connection.db == db
