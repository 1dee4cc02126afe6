"""Which consumers of a stream are alive: a sorted set of their names by when they last said so.

Redis before 7.2 counts a consumer as idle while it waits for entries, so its own figures don't tell
a waiting consumer from a lost one. Times are the server's: hosts' clocks differ.
"""

from typing import Any

import redis

ALIVE_S = 15.0
FORGET_AFTER_S = 600.0


def heartbeat(client: redis.Redis, stream: str, name: str) -> None:
    """Enter the consumer, or renew its entry."""
    client.zadd(_key(stream), {name: _now(client)})


def deregister(client: redis.Redis, stream: str, name: str) -> None:
    """Remove the consumer."""
    client.zrem(_key(stream), name)


def live(client: redis.Redis, stream: str) -> set[str]:
    """The names of those that said so within `ALIVE_S`."""
    names: Any = client.zrangebyscore(_key(stream), _now(client) - ALIVE_S, "+inf")
    return {name.decode() for name in names}


def prune(client: redis.Redis, stream: str, group: str) -> None:
    """Remove consumers that have been silent for `FORGET_AFTER_S` and hold nothing: with one that
    holds entries, its entries would go too.
    """
    silent: Any = client.zrangebyscore(_key(stream), "-inf", _now(client) - FORGET_AFTER_S)
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
