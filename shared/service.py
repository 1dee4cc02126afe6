"""The life of a service process: start, serve HTTP, run the workers, shut down."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from shared import arrow_setup, logs, unknown_settings
from shared.errors import ConfigurationError, MinuanoError, Unavailable
from shared.http.client_limits import BoundedH11Protocol
from shared.settings import ServiceSettings

log = logs.get(__name__)

CHECK_EVERY_S = 0.5
HTTP_DRAIN_S = 3
# The longest wait for the log line that names the signal.
SIGNAL_LOG_TIMEOUT_S = 5.0
# Work that still runs this long before the shutdown timeout is released to other workers.
RELEASE_MARGIN_S = 2.5
# Longer than clients keep an idle connection, so that no request meets a closing connection.
HTTP_KEEP_ALIVE_S = 75
BACKLOG = 2048

Worker = Callable[[], None]
T = TypeVar("T")


def main(name: str, settings: ServiceSettings, body: Callable[[threading.Event], None]) -> None:
    """Configure logs, let SIGTERM and SIGINT set the event, and run `body`.

    The process exits with 0 after a signal, with 2 if a setting is wrong, and with 1 after any
    other error.
    """
    arrow_setup.set_up()
    logs.configure(name, log_format=settings.log_format, level=settings.log_level)
    for sentence in unknown_settings.sentences(os.environ):
        log.warning("settings.unknown", error=sentence)
    # A worker that ends with an error sets `stop` too, but not `asked`.
    signalled, stop = threading.Event(), threading.Event()
    logged = _stop_on_signals(signalled, stop)
    try:
        body(stop)
    except ConfigurationError as error:
        sys.stderr.write(f"minuano {name}: {error}\n")
        sys.exit(2)
    except MinuanoError as error:
        if not signalled.is_set():
            log.critical("service.failed", error=str(error))
            sys.exit(1)
    if signalled.is_set():
        logged.wait(SIGNAL_LOG_TIMEOUT_S)
    log.info("service.stopped")


def _stop_on_signals(*events: threading.Event) -> threading.Event:
    """Set the events when SIGTERM or SIGINT arrives. The returned event is set after that, when the
    signal has been logged.

    A thread does this, because a signal handler interrupts the main thread anywhere, for example
    in the middle of a log line or of a wait for an event; there it could do neither.
    """
    logged = threading.Event()
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    # The interpreter writes the number of each signal that has a handler to this file.
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        with reading, writing:
            while numbers := reading.recv(1):
                for event in events:  # before the log, since writing to it may block
                    event.set()
                log.info("service.stopping", signal=signal.Signals(numbers[0]).name)
                logged.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return logged


def wait_for_dependency(
    setting: str, check: Callable[[], T], stop: threading.Event, *, within_s: float
) -> T:
    """Wait for a server at start-up and return what `check` returns. After `within_s` a
    `ConfigurationError` names the setting.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            return check()
        except Unavailable as outage:
            if time.monotonic() > deadline:
                raise ConfigurationError(f"{setting}: {outage}") from None
            log.warning("service.waiting", setting=setting, error=str(outage))
            if stop.wait(CHECK_EVERY_S):
                raise


def wait_for_dependencies(
    checks: Mapping[str, Callable[[], object]], stop: threading.Event, *, within_s: float
) -> None:
    """Wait for one server after the other, by the setting that names it."""
    for setting, check in checks.items():
        wait_for_dependency(setting, check, stop, within_s=within_s)


def run(
    app: FastAPI,
    settings: ServiceSettings,
    stop: threading.Event,
    workers: Sequence[Worker] = (),
    *,
    release: Sequence[Worker] = (),
    protocol: type[BoundedH11Protocol] = BoundedH11Protocol,
) -> None:
    """Serve HTTP and run the workers until `stop` is set. Near the end of the shutdown timeout,
    `release` gives unfinished work to other workers. Raises `MinuanoError` if a worker ends before
    `stop` is set, and the worker's own `ConfigurationError`.
    """
    server = _server(app, protocol)
    listening = _listen(settings)
    threads = [MonitoredThread("http", lambda: server.run(sockets=[listening]))]
    threads += [MonitoredThread(f"worker-{n}", worker) for n, worker in enumerate(workers)]
    for thread in threads:
        thread.start()
    log.info("service.started", host=settings.host, port=listening.getsockname()[1])
    while not stop.wait(CHECK_EVERY_S):
        ended = next((t for t in threads if not t.is_alive()), None)
        # `stop` can be set after the wait has timed out: then workers that end do as they are told.
        if ended and not stop.is_set():
            stop.set()
            server.should_exit = True
            if isinstance(ended.error, ConfigurationError):
                raise ended.error
            raise MinuanoError(f"{ended.name} stopped unexpectedly") from ended.error
    server.should_exit = True
    deadline = time.monotonic() + settings.shutdown_timeout_s
    if late := _join(threads, deadline - RELEASE_MARGIN_S):
        log.warning(
            "service.work_released", threads=late, shutdown_timeout_s=settings.shutdown_timeout_s
        )
        releasing = [MonitoredThread("release", act) for act in release]
        for thread in releasing:
            thread.start()
        _join([*releasing, *threads], deadline)


def _server(app: FastAPI, protocol: type[BoundedH11Protocol]) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=protocol,
            loop="asyncio",  # not uvloop, even where it is installed
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=HTTP_DRAIN_S,
            timeout_keep_alive=HTTP_KEEP_ALIVE_S,
            server_header=False,
        )
    )


def _join(threads: Sequence[threading.Thread], deadline: float) -> list[str]:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.name for thread in threads if thread.is_alive()]


class MonitoredThread(threading.Thread):
    """A daemon thread that keeps the exception that ended it."""

    def __init__(self, name: str, work: Worker) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.error = error
            log.critical("thread.crashed", thread=self.name, exc_info=error)


def _listen(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server(
            (settings.host, settings.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        raise ConfigurationError(
            f"MINUANO_HOST, MINUANO_PORT: cannot listen on {settings.host}:{settings.port}: "
            f"{error.strerror}"
        ) from None
    # Connections inherit it; with Nagle's algorithm an answer waits 40 ms for the client's ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
