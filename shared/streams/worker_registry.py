"""Which consumers of a stream are alive: a sorted set of consumer names by their last heartbeat.

Redis before 7.2 counts a consumer as idle while it waits for entries, so XINFO CONSUMERS does not
tell a waiting consumer from a lost one. Times are those of the server, because clocks of hosts
differ.
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
    """The consumers with a heartbeat in the last `ALIVE_S`."""
    names: Any = client.zrangebyscore(_key(stream), _now(client) - ALIVE_S, "+inf")
    return {name.decode() for name in names}


def prune(client: redis.Redis, stream: str, group: str) -> None:
    """Remove consumers without a heartbeat for `PRUNE_AFTER_S`, except those that hold entries:
    XGROUP DELCONSUMER would drop their entries too.
    """
    silent: Any = client.zrangebyscore(_key(stream), "-inf", _now(client) - PRUNE_AFTER_S)
    if not silent:
        return
    consumers: Any = client.xinfo_consumers(stream, group)
    holding = {consumer["name"] for consumer in consumers if consumer["pending"]}
    for name in set(silent) - holding:
        client.xgroup_delconsumer(stream, group, name)
        deregister(client, stream, name.decode())


def _key(stream: str) -> str:
    return f"{stream}:workers"


def _now(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6
