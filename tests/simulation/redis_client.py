"""A client of the simulated Redis: each command is an I/O, which can fail before or after it."""

from collections.abc import Callable
from typing import Any

import redis

from tests.simulation.redis_server import RedisServer
from tests.simulation.world import World

COMMANDS = frozenset({
    "xadd", "xlen", "memory_usage", "xdel", "xack", "xrange", "xgroup_create",
    "xgroup_delconsumer", "xpending_range", "xclaim", "xinfo_consumers", "xinfo_groups",
    "zadd", "zrem",
    "zrangebyscore", "hset", "hdel", "time",
})  # fmt: skip
CHANGES = frozenset({"xadd", "xgroup_create"})
"""What a blocked read may wait for."""


class Faults:
    """Cuts connections while `failing` is above 0: that is the probability for each command."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.failing = 0.0

    def cut(self) -> None:
        """The connection may break."""
        if self.failing and self._world.rng.random() < self.failing:
            raise redis.ConnectionError("connection reset")


class RedisClient:
    """What the code uses of `redis.Redis`."""

    def __init__(self, world: World, server: RedisServer, faults: Faults) -> None:
        self._world, self._server, self._faults = world, server, faults

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in COMMANDS:
            raise AttributeError(name)

        def command(*args: Any, **options: Any) -> Any:
            reply = self.send(lambda: getattr(self._server, name)(*args, **options))
            if name in CHANGES:
                self._world.notify()
            return reply

        return command

    def send(self, command: Callable[[], Any]) -> Any:
        """Execute it; the request or the reply may be lost."""
        self._world.io()
        self._faults.cut()
        reply = command()
        self._world.io()
        self._faults.cut()
        return reply

    def cut(self) -> None:
        """The connection may break."""
        self._faults.cut()

    def notify(self) -> None:
        """Readers look again."""
        self._world.notify()

    def xreadgroup(
        self, group: str, consumer: str, streams: dict[str, str], *, count: int, block: int
    ) -> Any:
        [(name, _)] = streams.items()
        reply = self.send(lambda: self._server.read_new(group, consumer, name, count))
        if reply:
            return reply
        self._world.pause(block / 1000, lambda: self._has_new(group, name))
        return self.send(lambda: self._server.read_new(group, consumer, name, count))

    def _has_new(self, group: str, name: str) -> bool:
        stream = self._server.streams.get(name)
        return stream is None or group not in stream.groups or (
            bool(stream.entries) and next(reversed(stream.entries)) > stream.groups[group].last
        )  # fmt: skip

    def pipeline(self, *, transaction: bool = True) -> "Pipeline":
        return Pipeline(self, transaction)

    def close(self) -> None:
        """Nothing is open."""


class Pipeline:
    """A pipeline or a MULTI. Without MULTI it can break between two commands."""

    def __init__(self, client: RedisClient, is_transaction: bool) -> None:
        self._client, self._is_transaction = client, is_transaction
        self._commands: list[Callable[[], Any]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in COMMANDS:
            raise AttributeError(name)

        def queue(*args: Any, **options: Any) -> None:
            server = self._client._server
            self._commands.append(lambda: getattr(server, name)(*args, **options))

        return queue

    def execute(self) -> list[Any]:
        replies = list(self._client.send(self._execute))
        self._client.notify()
        return replies

    def _execute(self) -> list[Any]:
        replies: list[Any] = []
        for command in self._commands:
            if replies and not self._is_transaction:
                self._client.cut()
            replies.append(command())
        return replies
