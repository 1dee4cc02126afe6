"""Which consumers of a stream are alive: a sorted set of consumer names by their last heartbeat.

Redis before 7.2 counts a consumer as idle while it waits for entries, so XINFO CONSUMERS does not
tell a waiting consumer from a lost one. Times are those of the server, because clocks of hosts
differ. The clock of the server may go back too: a heartbeat far in the future is not recent.
"""

from typing import Any

import redis

ALIVE_S = 15.0
PRUNE_AFTER_S = 600.0


def heartbeat(client: redis.Redis, stream: str, name: str) -> None:
    """Record that the consumer is alive now."""
    client.zadd(_key(stream), {name: _now(client)})


def deregister(client: redis.Redis, stream: str, name: str) -> None:
    """Remove the consumer."""
    client.zrem(_key(stream), name)


def live(client: redis.Redis, stream: str) -> set[str]:
    """The consumers whose last heartbeat is at most `ALIVE_S` away from now."""
    now = _now(client)
    names: Any = client.zrangebyscore(_key(stream), now - ALIVE_S, now + ALIVE_S)
    return {name.decode() for name in names}


def silent(client: redis.Redis, stream: str) -> set[str]:
    """The consumers whose last heartbeat is more than `PRUNE_AFTER_S` away from now."""
    now = _now(client)
    before: Any = client.zrangebyscore(_key(stream), "-inf", f"({now - PRUNE_AFTER_S}")
    after: Any = client.zrangebyscore(_key(stream), f"({now + PRUNE_AFTER_S}", "+inf")
    return {name.decode() for name in (*before, *after)}


def _key(stream: str) -> str:
    return f"{stream}:workers"


def _now(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6
