"""Redis: connections that never retry by themselves, and its errors in our own words.

redis-py repeats a command up to ten times when the reply is lost, which turns one XADD into two.
Here every repetition is ours, where a duplicate is expected and harmless.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.errors import Misconfigured, Outage
from shared.settings import RedisSettings

COMMAND_TIMEOUT_S = 5.0
# A blocking read is answered after `block_s`; the socket has to outlive it.
BLOCK_MARGIN_S = 5.0

# Answers of a server that is up and cannot serve for now.
_PASSING = (
    "OOM", "MISCONF", "READONLY", "LOADING", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN",
    "EXECABORT", "BUSY ", "NOAUTH", "WRONGPASS", "NOPERM",
)  # fmt: skip
_LOST_GROUP = ("NOGROUP", "UNBLOCKED")


class GroupLost(Outage):
    """The stream or its group was deleted; the reader creates it anew."""


def connect(settings: RedisSettings, *, socket_timeout_s: float = COMMAND_TIMEOUT_S) -> redis.Redis:
    """A client for commands; nothing is connected yet."""
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        retry=Retry(NoBackoff(), 0),
        socket_timeout=socket_timeout_s,
        socket_connect_timeout=COMMAND_TIMEOUT_S,
        socket_keepalive=True,
    )


def connect_reader(settings: RedisSettings) -> redis.Redis:
    """A client for blocking reads of `block_s`, with a connection of its own."""
    return connect(settings, socket_timeout_s=settings.block_s + BLOCK_MARGIN_S)


@contextmanager
def translated() -> Iterator[None]:
    """Turn redis-py's errors into `GroupLost` or `Outage`."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise Outage(f"Redis: {error}") from error
    except redis.ResponseError as error:
        text = str(error)
        if text.startswith(_LOST_GROUP) or "NOGROUP" in text:
            raise GroupLost(f"Redis: {text}") from error
        if isinstance(error, redis.exceptions.OutOfMemoryError) or text.startswith(_PASSING):
            raise Outage(f"Redis: {text}") from error
        if isinstance(error, redis.exceptions.ExecAbortError | redis.exceptions.ReadOnlyError):
            raise Outage(f"Redis: {text}") from error
        raise


def require_no_eviction(client: redis.Redis) -> str | None:
    """Refuse a server that may evict streams; return a warning where durability can't be seen."""
    try:
        with translated():
            memory, persistence = client.info("memory"), client.info("persistence")
    except redis.ResponseError as error:
        return f"Redis does not show its policies ({error}): see that eviction is off and AOF on"
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Misconfigured(
            f"MINUANO_REDIS_URL: this Redis evicts entries (maxmemory-policy {policy}): "
            "set maxmemory-policy noeviction"
        )
    if not persistence.get("aof_enabled"):
        return "Redis keeps no append-only file: a crash of Redis costs time, though no data"
    return None


def check(client: redis.Redis) -> None:
    """Raise `Outage` unless Redis answers."""
    with translated():
        client.ping()
