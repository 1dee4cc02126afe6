"""Redis: connections that never retry by themselves, and its errors in our own words.

redis-py repeats a command up to ten times when the reply is lost, which turns one XADD into two.
Here every repetition is ours, where a duplicate is expected and harmless.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.errors import ConfigurationError, Unavailable
from shared.settings import RedisSettings

COMMAND_TIMEOUT_S = 5.0
# A blocking read is answered after `read_block_s`; the socket has to outlive it.
BLOCK_MARGIN_S = 5.0

# Answers of a server that is up and cannot serve for now.
_TRANSIENT = {
    "BUSY", "CLUSTERDOWN", "EXECABORT", "MASTERDOWN", "MISCONF", "NOPERM", "NOREPLICAS",
    "READONLY", "TRYAGAIN",
}  # fmt: skip
_GROUP_MISSING = {"NOGROUP", "UNBLOCKED"}
# What the server says of a stream that is not there, where it has no word of its own for it.
_NO_STREAM = ("no such key", "requires the key to exist")


class GroupMissing(Unavailable):
    """The stream or its group was deleted; the reader creates it anew."""


class OutOfMemory(Unavailable):
    """Redis is out of memory; reading and acknowledging are still possible."""


def connect(settings: RedisSettings, *, socket_timeout_s: float = COMMAND_TIMEOUT_S) -> redis.Redis:
    """A client for commands; nothing is connected yet."""
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        retry=Retry(NoBackoff(), 0),
        # Nor is this retried, but the connection is closed: the name may lead to another server.
        retry_on_error=[redis.exceptions.ReadOnlyError],
        socket_timeout=socket_timeout_s,
        socket_connect_timeout=COMMAND_TIMEOUT_S,
        socket_keepalive=True,
    )


def connect_reader(settings: RedisSettings) -> redis.Redis:
    """A client for blocking reads of `read_block_s`, with a connection of its own."""
    return connect(settings, socket_timeout_s=settings.read_block_s + BLOCK_MARGIN_S)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn redis-py's errors into `GroupLost`, `Full` or `Outage`."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise Unavailable(f"Redis: {error}") from error
    except redis.ResponseError as error:
        code, text = _code(error), f"Redis: {error}"
        if code in _GROUP_MISSING or any(words in text for words in _NO_STREAM):
            raise GroupMissing(text) from error
        if code == "OOM":
            raise OutOfMemory(text) from error
        if code in _TRANSIENT:
            raise Unavailable(text) from error
        raise


def _code(error: redis.ResponseError) -> str:
    """The server's word for an error. redis-py cuts off the words that it knows, and in a pipeline
    it puts the command in front.
    """
    if error.status_code:
        return error.status_code
    return str(error).rpartition(" caused error: ")[2].partition(" ")[0]


def require_no_eviction(client: redis.Redis) -> str | None:
    """Refuse a server that may evict streams, or refuses us for good, such as one without the
    database of the URL; return a warning where durability can't be seen.
    """
    try:
        check(client)
    except redis.ResponseError as error:
        raise ConfigurationError(f"MINUANO_REDIS_URL: Redis: {error}") from None
    with redis_errors():
        try:
            memory, persistence = client.info("memory"), client.info("persistence")
        except redis.ResponseError as error:
            return f"Redis hides its policies ({error}): see that eviction is off and AOF on"
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise ConfigurationError(
            f"MINUANO_REDIS_URL: this Redis evicts entries (maxmemory-policy {policy}): "
            "set maxmemory-policy noeviction"
        )
    if not persistence.get("aof_enabled"):
        return "Redis keeps no append-only file: a crash of Redis costs time, though no data"
    return None


def check(client: redis.Redis) -> None:
    """Raise `Outage` unless Redis answers."""
    with redis_errors():
        client.ping()
