"""One thread in which many processes run, with a simulated clock: the seed decides what runs next.

Each thread of a process is a greenlet. It gives up control at each simulated I/O, at each wait and
at each lock; then the world chooses one that can go on. If none can, the clock moves forward.
"""

import heapq
import random
from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

SLOW_S, SLOW_PROBABILITY = 0.3, 0.1
"""Some commands take time; all others take none, but others may run before them."""


class Process:
    """A process that can be killed or frozen. Nothing of a killed process runs again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.frozen_until = 0.0


class Actor:
    """A thread of a process, which goes on at its alarm, or as soon as `is_ready` holds."""

    def __init__(self, process: Process, run: Callable[[], object], hub: Any) -> None:
        self.process = process
        self.turn = 0
        """Alarms of an earlier turn are void."""
        self.is_ready: Callable[[], bool] | None = None
        self.error: BaseException | None = None
        self.greenlet = greenlet(lambda *_: self._run(run), hub)

    def _run(self, run: Callable[[], object]) -> None:
        try:
            run()
        except GreenletExit:
            pass
        except BaseException as error:  # noqa: BLE001 - the world reports it
            self.error = error

    @property
    def is_done(self) -> bool:
        return bool(self.greenlet.dead)


class World:
    """The clock, and all actors."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = 0.0
        self.on_time: Callable[[], None] = lambda: None
        """Called when the clock has moved."""
        self._ready: list[Actor] = []
        self._waiting: list[Actor] = []
        self._alarms: list[tuple[float, int, Actor | None, int]] = []
        self._count = 0
        self._has_changed = False
        self._current: Actor | None = None
        self._hub = getcurrent()
        self._actors: list[Actor] = []
        self._is_closed = False

    def close(self) -> None:
        """End all actors."""
        self._is_closed = True
        for actor in self._actors:
            if not actor.is_done:
                actor.greenlet.throw(GreenletExit)
        self._actors.clear()

    def start(self, process: Process, run: Callable[[], object]) -> Actor:
        """A new thread of the process."""
        actor = Actor(process, run, self._hub)
        self._actors.append(actor)
        self._ready.append(actor)
        return actor

    @property
    def process(self) -> Process:
        """The process that runs now."""
        assert self._current is not None
        return self._current.process

    def run(self, until: Callable[[], bool], *, within_s: float) -> bool:
        """Let the actors run until it holds; False if it does not within so many seconds."""
        end = self.now + within_s
        while not until():
            if self.now >= end:
                return False
            self._step(end)
        return True

    def _step(self, end: float) -> None:
        """Let one actor go on, or move the clock."""
        self._wake()
        if not self._ready:
            self.now = min(end, self._alarms[0][0]) if self._alarms else end
            self.on_time()
            return
        position = self.rng.randrange(len(self._ready))
        actor, last = self._ready[position], self._ready.pop()
        if last is not actor:
            self._ready[position] = last
        if not actor.process.is_alive:
            return
        if actor.process.frozen_until > self.now:
            self._set_alarm(actor.process.frozen_until, actor)
            return
        self._current = actor
        actor.greenlet.switch()
        self._current = None
        if actor.error:
            raise actor.error
        if actor.is_done:
            self.notify()

    def _wake(self) -> None:
        """The actors whose time has come, and those whose condition holds now."""
        while self._alarms and self._alarms[0][0] <= self.now:
            _, _, actor, turn = heapq.heappop(self._alarms)
            if actor is None:
                self._has_changed = True
            elif actor.turn == turn:
                self._make_ready(actor)
        if self._has_changed:
            self._has_changed = False
            for actor in list(self._waiting):
                if actor.process.frozen_until <= self.now and actor.is_ready and actor.is_ready():
                    self._make_ready(actor)

    def _make_ready(self, actor: Actor) -> None:
        if actor.is_ready:
            actor.is_ready = None
            self._waiting.remove(actor)
        actor.turn += 1
        self._ready.append(actor)

    def _set_alarm(self, at: float, actor: Actor | None) -> None:
        self._count += 1
        heapq.heappush(self._alarms, (at, self._count, actor, actor.turn if actor else 0))

    def pause(self, seconds: float = 0.0, is_ready: Callable[[], bool] | None = None) -> None:
        """Give up control, for so long or until it is ready. A call of the schedule itself, outside
        of any actor, takes no time.
        """
        if self._is_closed:
            raise GreenletExit
        actor = self._current
        if actor is None:
            return
        if is_ready:
            actor.is_ready = is_ready
            self._waiting.append(actor)
            self._has_changed = True
        if seconds or is_ready:
            self._set_alarm(self.now + seconds, actor)
        else:
            self._ready.append(actor)
        self._hub.switch()
        if not actor.process.is_alive:
            raise GreenletExit

    def io(self) -> None:
        """A command that goes to a server: others may run before it arrives."""
        self.pause(self.rng.random() * SLOW_S if self.rng.random() < SLOW_PROBABILITY else 0.0)

    def notify(self) -> None:
        """Something has changed that an actor may wait for."""
        self._has_changed = True

    def freeze(self, process: Process, seconds: float) -> None:
        """Nothing of the process runs for so long; one that is frozen is not thawed earlier."""
        process.frozen_until = max(process.frozen_until, self.now + seconds)
        self._set_alarm(process.frozen_until, None)

    def kill(self, process: Process) -> None:
        """Nothing of the process runs again, not even what follows a `finally`."""
        process.is_alive = False
        self._waiting = [actor for actor in self._waiting if actor.process is not process]
        for actor in (a for _, _, a, _ in self._alarms):
            if actor and actor.process is process:
                actor.turn += 1
                actor.is_ready = None


class Threading:
    """What the code uses of the module `threading`; `world` gives the world of this run."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def Event(self) -> "Event":  # noqa: N802 - as in the module
        return Event(self._world())

    def Lock(self) -> "Lock":  # noqa: N802
        return Lock(self._world())

    def Thread(  # noqa: N802
        self, *, target: Callable[..., object], args: tuple[Any, ...] = (), **_: Any
    ) -> "Thread":
        return Thread(self._world(), target, args)


class Event:
    """`threading.Event`."""

    def __init__(self, world: World) -> None:
        self._world, self._is_set = world, False

    def set(self) -> None:
        self._is_set = True
        self._world.notify()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._world.pause(1e9 if timeout is None else timeout, self.is_set)
        return self._is_set


class Lock:
    """`threading.Lock` as a context manager."""

    def __init__(self, world: World) -> None:
        self._world, self._is_free = world, True

    def __enter__(self) -> None:
        while not self._is_free:
            self._world.pause(1e9, lambda: self._is_free)
        self._is_free = False

    def __exit__(self, *_: object) -> None:
        self._is_free = True
        self._world.notify()


class Thread:
    """`threading.Thread`: of the process that starts it."""

    def __init__(self, world: World, target: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._world, self._run = world, lambda: target(*args)
        self._actor: Actor | None = None

    def start(self) -> None:
        self._actor = self._world.start(self._world.process, self._run)

    def join(self, timeout: float = 1e9) -> None:
        actor = self._actor
        if actor and not actor.is_done:
            self._world.pause(timeout, lambda: actor.is_done)


class Clock:
    """What the code uses of the module `time`; `world` gives the world of this run."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def monotonic(self) -> float:
        return self._world().now

    def time(self) -> float:
        return self._world().now

    def perf_counter(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self._world().pause(seconds)
