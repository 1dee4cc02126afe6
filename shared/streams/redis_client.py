"""The Redis client: connections without automatic retries, translated errors, start-up check.

When a reply is lost, redis-py repeats a command up to ten times, which turns one XADD into two.
With this client only our own code retries, where a duplicate is expected and harmless.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared import logs
from shared.errors import ConfigurationError, Unavailable
from shared.settings import RedisSettings
from shared.streams.entries import StreamNames

log = logs.get(__name__)

COMMAND_TIMEOUT_S = 5.0
# A blocking read returns after `read_block_s`; the socket must wait longer than that.
BLOCK_MARGIN_S = 5.0

# Errors of a server that is running but cannot serve at the moment, or until a person changes it:
# another program has written to one of our keys, or the server is a node of a Redis Cluster.
_TRANSIENT = {
    "ASK", "BUSY", "CLUSTERDOWN", "CROSSSLOT", "DENIED", "EXECABORT", "MASTERDOWN", "MISCONF",
    "MOVED", "NOPERM", "NOREPLICAS", "READONLY", "TRYAGAIN", "WRONGTYPE",
}  # fmt: skip
_CLUSTER = ": this is a node of a Redis Cluster, and all our keys must be on one server"
_HINTS = {
    "ASK": _CLUSTER, "CROSSSLOT": _CLUSTER, "MOVED": _CLUSTER,
    "WRONGTYPE": ": another program has written to one of our keys",
}  # fmt: skip
_GROUP_MISSING = {"NOGROUP", "UNBLOCKED"}
# Errors about a missing stream that have no error code.
_NO_STREAM = ("no such key", "requires the key to exist")


class GroupMissing(Unavailable):
    """The stream or its group does not exist; the consumer creates it again."""


class OutOfMemory(Unavailable):
    """Redis is out of memory. Entries can still be read and acknowledged."""


def connect(settings: RedisSettings, *, socket_timeout_s: float = COMMAND_TIMEOUT_S) -> redis.Redis:
    """A client for commands. It connects with the first command."""
    url = settings.redis_url.get_secret_value()
    keepalive = {} if url.startswith("unix://") else {"socket_keepalive": True}
    return redis.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        # No retry either, but the connection is closed: the name may lead to another server now.
        retry_on_error=[redis.exceptions.ReadOnlyError],
        socket_timeout=socket_timeout_s,
        socket_connect_timeout=COMMAND_TIMEOUT_S,
        **keepalive,
    )


def connect_reader(settings: RedisSettings) -> redis.Redis:
    """A client for blocking reads of `read_block_s`, with a separate connection."""
    return connect(settings, socket_timeout_s=settings.read_block_s + BLOCK_MARGIN_S)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate redis-py's errors into `GroupMissing`, `OutOfMemory` or `Unavailable`."""
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
            raise Unavailable(text + _HINTS.get(code, "")) from error
        raise


def _code(error: redis.ResponseError) -> str:
    """The error code of the server. redis-py removes the codes that it knows from the text. In a
    pipeline it puts the command in front.
    """
    if error.status_code:
        return error.status_code
    return str(error).rpartition(" caused error: ")[2].partition(" ")[0]


def require_no_eviction(client: redis.Redis) -> str | None:
    """Raise `ConfigurationError` if this Redis may evict streams or refuses us permanently, for
    example because the database of the URL does not exist. Return a warning if it may lose entries
    in a crash, or hides whether it may.
    """
    try:
        with redis_errors():
            client.ping()
    except redis.ResponseError as error:
        raise ConfigurationError(f"MINUANO_REDIS_URL: Redis: {error}") from None
    with redis_errors():
        try:
            evicting, persistence = _evicting(client), client.info("persistence")
        except redis.ResponseError as error:
            return f"Redis hides its policies ({error}): check that eviction is off and AOF is on"
    if evicting:
        raise ConfigurationError(f"MINUANO_REDIS_URL: {evicting}")
    if not persistence.get("aof_enabled"):
        return "Redis has no append-only file: a crash of Redis costs time, but no data"
    return None


def _evicting(client: redis.Redis) -> str | None:
    """What is wrong if this Redis may evict streams."""
    policy = client.info("memory").get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return None
    return f"this Redis evicts entries (maxmemory-policy {policy}): set maxmemory-policy noeviction"


def check_at_start(client: redis.Redis) -> None:
    """As `require_no_eviction`, with the warning logged."""
    if warning := require_no_eviction(client):
        log.warning("redis.not_durable", warning=warning)


def require_writable(client: redis.Redis, streams: StreamNames) -> None:
    """Raise `Unavailable` if Redis can be read and not changed: it has become a replica, has too
    few replicas, or cannot write to its disk. The command deletes an entry that never exists; each
    of our users may send it.
    """
    with redis_errors(), contextlib.suppress(redis.exceptions.NoPermissionError):
        client.xdel(streams.dead, "0-0")


def check(client: redis.Redis, streams: StreamNames) -> None:
    """Raise `Unavailable` unless Redis answers, can be changed, and evicts nothing: the policy can
    be changed while it runs.
    """
    require_writable(client, streams)
    with redis_errors():
        client.ping()
        try:
            evicting = _evicting(client)
        except redis.ResponseError:  # it hides its policy, which was logged at the start
            return
    if evicting:
        raise Unavailable(evicting)
