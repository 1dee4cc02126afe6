"""Starts `python -m services.X`, `-m cli` and the failpoint starter in milliseconds.

A warm interpreter, which has imported third-party packages and nothing of Minuano, forks. The
forked process becomes a child of the process that asked (a Linux child subreaper, prctl(2)) with
the pipes, signals, exit code, environment, folder and command line of a new one. It differs in
/proc/PID/environ and in its process group and session, which are those of the server.
MINUANO_TEST_FORK=0, or a test's mark `cold`, turns it off.
"""

import ctypes
import gc
import importlib
import inspect
import io
import os
import pickle
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

MODULES = """
    services.connector services.extractor services.aggregator services.loader services.dashboard
    cli tests.faults.failpoint tests.fork_probe
"""
WARM = """
    adbc_driver_postgresql alembic.command fastapi.sse fastapi.templating httpcore httpx
    itsdangerous numpy.random numpy.typing orjson prometheus_fastapi_instrumentator psycopg2.extras
    psycopg2.sql pyarrow.compute pyarrow.csv pyarrow.parquet pydantic.v1 redis
    rich.markdown rich.progress sqlalchemy.dialects.postgresql.psycopg2 stamina
    starlette.staticfiles structlog typer uvicorn.protocols.http.h11_impl
"""
SPACE_FOR_COMMAND_LINES, MAX_REQUEST_BYTES = 4096, 1 << 18
REPARENTED_POLL_S, _PR_SET_CHILD_SUBREAPER = 0.0005, 36
_START_PROCESS: Callable[..., None] = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_PARAMETERS = inspect.signature(_START_PROCESS)
_UNUSUAL = ("pass_fds", "executable", "uid", "gid", "gids", "umask", "process_group")
_PIPE_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


class ForkServer:
    """The client. The server process starts with the first request."""

    def __init__(self) -> None:
        self.enabled, self._prctl = True, ctypes.CDLL(None).prctl
        self._lock, self._owner = threading.Lock(), os.getpid()
        self._connection: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Let `subprocess.Popen` use this server for the commands that it knows."""

        def execute_child(popen: Any, *args: Any, **kwargs: Any) -> None:
            given = _PARAMETERS.bind(popen, *args, **kwargs).arguments
            serves = self.enabled and os.getpid() == self._owner
            message = pickled_request(given) if serves else None
            if message is None:
                _START_PROCESS(popen, *args, **kwargs)
                return
            streams = enumerate(("p2cread", "c2pwrite", "errwrite"))
            fds = [given[name] if given[name] != -1 else number for number, name in streams]
            popen.pid = self._fork(message, fds)
            popen._child_created = True
            popen._close_pipe_fds(*(given[end] for end in _PIPE_ENDS))

        subprocess.Popen._execute_child = execute_child  # type: ignore[attr-defined]

    def _fork(self, message: bytes, fds: Sequence[int]) -> int:
        with self._lock:
            connection = self._connection = self._connection or self._start()
            self._prctl(_PR_SET_CHILD_SUBREAPER, 1)
            socket.send_fds(connection, [message], fds)
            answer = connection.recv(16)
            self._prctl(_PR_SET_CHILD_SUBREAPER, 0)  # orphans of other programs are not ours
        assert answer, "the fork server has ended; MINUANO_TEST_FORK=0 does without it"
        return int(answer)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fd, space = theirs.fileno(), "-" * SPACE_FOR_COMMAND_LINES
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(fd), space],
                pass_fds=[fd], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return ours

    def stop(self) -> None:
        """Stop the server; the processes that it forked keep running."""
        if self._connection and self._process:
            self._connection.close()
            self._process.wait()
            self._connection = None


def pickled_request(given: Mapping[str, Any]) -> bytes | None:
    """The pickled request; None if the command is not one of MODULES, or an option needs Popen."""
    command = () if given["shell"] else tuple(map(str, given["args"]))
    if command[:2] != (sys.executable, "-m") or command[2] not in MODULES.split():
        return None
    environment = dict(os.environ if given["env"] is None else given["env"])
    unusual = (given[name] not in (None, -1, ()) for name in _UNUSUAL)
    if any(unusual) or _options(environment) != _options(os.environ):
        return None
    folder = os.path.abspath(given["cwd"] or os.curdir)
    prepare, new_session = given["preexec_fn"], bool(given["start_new_session"])
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    on_interrupt = signal.SIG_IGN if is_ignored else signal.default_int_handler
    return pickle.dumps((command, folder, environment, prepare, new_session, on_interrupt))


def _options(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that Python reads at its start, but PYTHONUNBUFFERED: `_become` heeds it."""
    heeded = "PYTHONUNBUFFERED"
    return {k: v for k, v in environment.items() if k.startswith("PYTHON") and k != heeded}


# -- the side that serves


def serve(connection: socket.socket) -> None:
    """Fork for each request; in the forked process run the module as `python -m` does. Return
    when the client has gone, or when the module has ended.
    """
    while True:
        message, fds, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 3)
        if not message:
            return
        reading, writing = os.pipe()
        if (between := os.fork()) == 0:
            between = os.getpid()
            if (forked := os.fork()) == 0:
                connection.detach()
                request = pickle.loads(message)  # noqa: S301 - from our own client
                _become(request, fds, between)
                runpy.run_module(request[0][2], run_name="__main__", alter_sys=True)
                return
            os.write(writing, str(forked).encode())
            os._exit(0)
        os.waitpid(between, 0)  # from here on the forked process is the client's child
        os.close(writing)
        connection.send(os.read(reading, 16))
        for fd in (*fds, reading):
            os.close(fd)


def _become(request: tuple[Any, ...], fds: Sequence[int], between: int) -> None:
    """Make this process what a new interpreter would be."""
    command, folder, environment, prepare, new_session, on_interrupt = request
    signal.signal(signal.SIGINT, on_interrupt)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if new_session:
        os.setsid()
    while os.getppid() == between:
        time.sleep(REPARENTED_POLL_S)
    if prepare:
        prepare()
    _set_command_line(command)
    sys.path[0], sys.argv = folder, ["-m", *command[3:]]
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    for name, fd, errors in (("stdout", 1, "strict"), ("stderr", 2, "backslashreplace")):
        raw = os.fdopen(fd, "wb", 0 if unbuffered else -1, closefd=False)
        by_line = not unbuffered and (fd == 2 or raw.isatty())
        setattr(sys, name, io.TextIOWrapper(raw, "utf-8", errors, None, by_line, unbuffered))


def _set_command_line(command: Sequence[str]) -> None:
    """Write it to where /proc/PID/cmdline is read from: `arg_start` and `arg_end` of proc(5)."""
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    words = b"".join(word.encode() + b"\0" for word in command)[: end - start - 1]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, words, len(words))


def main() -> None:
    """Import, then serve."""
    for name in WARM.split():
        importlib.import_module(name)
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
