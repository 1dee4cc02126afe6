"""A Redis in memory: the commands that the services use, with the semantics of Redis 7."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

Id = tuple[int, int]
Fields = dict[bytes, bytes]
LAST: Id = (2**62, 0)


@dataclass(slots=True)
class Pending:
    """An entry that was delivered and not acknowledged."""

    consumer: str
    at_ms: int
    deliveries: int


@dataclass(slots=True)
class Group:
    """A consumer group."""

    last: Id = (0, 0)
    pending: dict[Id, Pending] = field(default_factory=dict)
    consumers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Stream:
    """A stream and its groups; entries are in the order of their ids."""

    entries: dict[Id, Fields] = field(default_factory=dict)
    last: Id = (0, 0)
    groups: dict[str, Group] = field(default_factory=dict)


class RedisServer:
    """All keys. `now_ms` is the clock of the server, which can jump."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.sets: dict[str, dict[bytes, float]] = {}
        self.hashes: dict[str, dict[bytes, bytes]] = {}
        self.now_ms = 0

    # -- streams

    def xadd(self, name: str, fields: dict[Any, Any]) -> bytes:
        stream = self.streams.setdefault(name, Stream())
        ms, number = stream.last
        stream.last = (self.now_ms, 0) if self.now_ms > ms else (ms, number + 1)
        stream.entries[stream.last] = {_bytes(k): _bytes(v) for k, v in fields.items()}
        return _text(stream.last)

    def xlen(self, name: str) -> int:
        return len(self.streams[name].entries) if name in self.streams else 0

    def memory_usage(self, name: str) -> int | None:
        return None

    def xdel(self, name: str, *ids: Any) -> int:
        entries = self.streams[name].entries if name in self.streams else {}
        return sum(entries.pop(_id(id), None) is not None for id in ids)

    def xack(self, name: str, group: str, *ids: Any) -> int:
        if name not in self.streams or group not in self.streams[name].groups:
            return 0
        pending = self.streams[name].groups[group].pending
        return sum(pending.pop(_id(id), None) is not None for id in ids)

    def xrange(self, name: str, first: Any = "-", last: Any = "+", count: int | None = None) -> Any:
        entries = self.streams[name].entries if name in self.streams else {}
        found = [(_text(id), dict(entries[id])) for id in _between(entries, first, last)]
        return found[:count]

    def xgroup_create(self, name: str, group: str, id: str = "$", mkstream: bool = False) -> bool:
        stream = self.streams.setdefault(name, Stream())
        if group in stream.groups:
            raise redis.ResponseError("BUSYGROUP Consumer Group name already exists")
        stream.groups[group] = Group()
        return True

    def xgroup_delconsumer(self, name: str, group: str, consumer: str) -> int:
        of = self._group(name, group)
        held = [id for id, pending in of.pending.items() if pending.consumer == _name(consumer)]
        for id in held:
            del of.pending[id]
        of.consumers.discard(_name(consumer))
        return len(held)

    def read_new(self, group: str, consumer: str, name: str, count: int) -> Any:
        """What XREADGROUP with `>` gives at once."""
        of, stream = self._group(name, group), self.streams[name]
        of.consumers.add(consumer)
        new = [id for id in stream.entries if id > of.last][:count]
        for id in new:
            of.pending[id] = Pending(consumer, self.now_ms, 1)
            of.last = id
        found = [(_text(id), dict(stream.entries[id])) for id in new]
        return [[name.encode(), found]] if found else []

    def xpending_range(
        self, name: str, group: str, first: Any, last: Any, count: int,
        consumername: str | None = None, idle: int | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        pending = self._group(name, group).pending
        found = [
            {
                "message_id": _text(id), "consumer": pending[id].consumer.encode(),
                "time_since_delivered": max(0, self.now_ms - pending[id].at_ms),
                "times_delivered": pending[id].deliveries,
            }
            for id in _between(dict.fromkeys(sorted(pending)), first, last)
            if consumername in (None, pending[id].consumer)
            and (not idle or self.now_ms - pending[id].at_ms >= idle)
        ]  # fmt: skip
        return found[:count]

    def xclaim(
        self, name: str, group: str, consumer: str, min_idle_time: int, ids: list[Any], *,
        idle: int | None = None, retrycount: int | None = None, justid: bool = False,
        force: bool = False,
    ) -> list[Any]:  # fmt: skip
        of, entries = self._group(name, group), self.streams[name].entries
        claimed: list[Any] = []
        for id in map(_id, ids):
            pending = of.pending.get(id)
            if id not in entries:
                of.pending.pop(id, None)
                continue
            if pending is None:
                if not force:
                    continue
                pending = of.pending[id] = Pending(consumer, self.now_ms, 1)
            elif min_idle_time and self.now_ms - pending.at_ms < min_idle_time:
                continue
            pending.consumer, pending.at_ms = consumer, self.now_ms - (idle or 0)
            of.consumers.add(consumer)
            pending.deliveries = (
                pending.deliveries + (not justid) if retrycount is None else retrycount
            )
            claimed.append(_text(id) if justid else (_text(id), dict(entries[id])))
        return claimed

    def xinfo_groups(self, name: str) -> list[dict[str, Any]]:
        if name not in self.streams:
            raise redis.ResponseError("no such key")
        return [
            {
                "name": group.encode(),
                "pending": len(of.pending),
                "last-delivered-id": _text(of.last),
            }
            for group, of in self.streams[name].groups.items()
        ]

    def xinfo_consumers(self, name: str, group: str) -> list[dict[str, Any]]:
        of = self._group(name, group)
        return [
            {"name": consumer.encode(),
             "pending": sum(p.consumer == consumer for p in of.pending.values())}
            for consumer in sorted(of.consumers)
        ]  # fmt: skip

    def _group(self, name: str, group: str) -> Group:
        if name not in self.streams or group not in self.streams[name].groups:
            raise redis.ResponseError(f"NOGROUP No such key '{name}' or consumer group '{group}'")
        return self.streams[name].groups[group]

    # -- other keys

    def zadd(self, name: str, scores: dict[str, float]) -> int:
        members = self.sets.setdefault(name, {})
        members.update({_bytes(member): float(score) for member, score in scores.items()})
        return 1

    def zrem(self, name: str, *members: Any) -> int:
        for member in members:
            self.sets.get(name, {}).pop(_bytes(member), None)
        return 1

    def zrangebyscore(self, name: str, low: Any, high: Any) -> list[bytes]:
        (above, no_low), (below, no_high) = _score(low), _score(high)
        return [
            member
            for member, score in self.sets.get(name, {}).items()
            if above <= score <= below
            and not (no_low and score == above)
            and not (no_high and score == below)
        ]

    def hset(self, name: str, key: Any = None, value: Any = None) -> int:
        self.hashes.setdefault(name, {})[_bytes(key)] = _bytes(value)
        return 1

    def hdel(self, name: str, *keys: Any) -> int:
        for key in keys:
            self.hashes.get(name, {}).pop(_bytes(key), None)
        return 1

    def time(self) -> tuple[int, int]:
        return self.now_ms // 1000, self.now_ms % 1000 * 1000

    def flush(self) -> None:
        """All keys are lost."""
        self.streams.clear()
        self.sets.clear()
        self.hashes.clear()


def _between(ids: dict[Id, Any], first: Any, last: Any) -> Iterator[Id]:
    low, is_open = _bound(first, (0, 0))
    high, _ = _bound(last, LAST)
    return (id for id in ids if (low < id if is_open else low <= id) and id <= high)


def _bound(text: Any, end: Id) -> tuple[Id, bool]:
    value = text.decode() if isinstance(text, bytes) else str(text)
    if value in ("-", "+"):
        return end, False
    return _id(value.removeprefix("(")), value.startswith("(")


def _id(text: Any) -> Id:
    ms, _, number = (text.decode() if isinstance(text, bytes) else text).partition("-")
    return int(ms), int(number)


def _text(id: Id) -> bytes:
    return f"{id[0]}-{id[1]}".encode()


def _name(consumer: Any) -> str:
    return consumer.decode() if isinstance(consumer, bytes) else str(consumer)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _score(bound: Any) -> tuple[float, bool]:
    """A score, and whether it is excluded."""
    text = str(bound)
    return float(text.removeprefix("(")), text.startswith("(")
