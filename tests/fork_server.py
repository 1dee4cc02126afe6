"""Starts `python -m services.X`, `-m cli` and the failpoint starter in milliseconds.

A warm interpreter, which has imported third-party packages and nothing of Minuano, forks instead
of each start importing them again. The forked process becomes a child of the process that asked
(a Linux child subreaper, prctl(2)) with the pipes, signals, exit code, environment, working folder
and command line that it would have had. Only /proc/PID/environ shows the server's environment.

MINUANO_TEST_FORK=0 turns it off. A test marked `cold` starts its interpreters in the usual way.
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
from typing import Any, NamedTuple

MODULES = (
    *(f"services.{name}" for name in ("connector", "extractor", "aggregator", "loader")),
    "services.dashboard", "cli", "tests.faults.failpoint", "tests.fork_probe",
)  # fmt: skip
STARTS_OTHERS = "cli"
WARM = (
    "adbc_driver_postgresql", "alembic.command", "fastapi.security", "fastapi.sse",
    "fastapi.templating", "h11", "httpcore", "httpx", "itsdangerous", "jinja2", "numpy.random",
    "numpy.typing", "orjson", "prometheus_client", "prometheus_fastapi_instrumentator",
    "psycopg2.extras", "psycopg2.sql", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet",
    "pydantic.v1", "pydantic_settings", "redis.backoff", "rich.markdown",
    "rich.progress", "rich.table", "sqlalchemy.dialects.postgresql.psycopg2", "stamina",
    "starlette.staticfiles", "structlog", "typer", "uvicorn.protocols.http.h11_impl",
)  # fmt: skip
SPACE_FOR_COMMAND_LINES = 4096
MAX_REQUEST_BYTES = 1 << 18
REPARENTED_POLL_S = 0.0005
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_START_PROCESS: Callable[..., None] = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_PARAMETERS = inspect.signature(_START_PROCESS)
_PIPE_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def is_available() -> bool:
    """Whether tests use it."""
    return sys.platform == "linux" and os.environ.get("MINUANO_TEST_FORK") != "0"


class Request(NamedTuple):
    """What `subprocess.Popen` was asked to start."""

    command: tuple[str, ...]
    folder: str
    environment: dict[str, str]
    prepare: Callable[[], object] | None
    new_session: bool


class ForkServer:
    """The side that asks; its server starts with the first request."""

    def __init__(self, connection: socket.socket | None = None) -> None:
        self.enabled = True
        self._connection, self._lock, self._owner = connection, threading.Lock(), os.getpid()
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Let `subprocess.Popen` use this server for the commands that it knows."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)

        def execute_child(popen: Any, *args: Any, **kwargs: Any) -> None:
            given = _PARAMETERS.bind(popen, *args, **kwargs).arguments
            message = pickled_request(given) if self._serves() else None
            if message is None:
                _START_PROCESS(popen, *args, **kwargs)
                return
            streams = enumerate(("p2cread", "c2pwrite", "errwrite"))
            fds = [given[name] if given[name] != -1 else number for number, name in streams]
            popen.pid = self._fork(message, fds)
            popen._child_created = True
            popen._close_pipe_fds(*(given[end] for end in _PIPE_ENDS))

        subprocess.Popen._execute_child = execute_child  # type: ignore[attr-defined]

    def _serves(self) -> bool:
        return self.enabled and os.getpid() == self._owner

    def _fork(self, message: bytes, fds: Sequence[int]) -> int:
        with self._lock:
            connection = self._connection = self._connection or self._start()
            socket.send_fds(connection, [message], fds)
            if answer := connection.recv(16):
                return int(answer)
        raise RuntimeError("the fork server has ended; MINUANO_TEST_FORK=0 does without it")

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
        """End the server; what it forked goes on."""
        if self._connection and self._process:
            self._connection.close()
            self._process.wait()
            self._connection = None


def pickled_request(given: Mapping[str, Any]) -> bytes | None:
    """The request, if the command is one of the modules and nothing unusual is asked for."""
    command = () if given["shell"] else tuple(map(str, given["args"]))
    environment = dict(os.environ if given["env"] is None else given["env"])
    if (
        command[:2] != (sys.executable, "-m")
        or command[2] not in MODULES
        or given["pass_fds"]
        or any(given[name] is not None for name in ("uid", "gid", "gids"))
        or _interpreter_options(environment) != _interpreter_options(os.environ)
    ):
        return None
    folder = os.path.abspath(given["cwd"] or os.curdir)
    prepare, new_session = given["preexec_fn"], bool(given["start_new_session"])
    return pickle.dumps(Request(command, folder, environment, prepare, new_session))


def _interpreter_options(environment: Mapping[str, str]) -> set[tuple[str, str]]:
    """What Python reads at its own start, but for PYTHONUNBUFFERED, which is heeded here."""
    names = {name for name in environment if name.startswith("PYTHON")} - {"PYTHONUNBUFFERED"}
    return {(name, environment[name]) for name in names}


# -- the side that serves


def serve(connection: socket.socket) -> None:
    """Fork for each request; in the forked process run the module as `python -m` does. Return
    when the client has gone, or when the module has ended.
    """
    parent = os.getppid()
    while True:
        message, fds, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 3)
        if not message:
            return
        reading, writing = os.pipe()
        if (between := os.fork()) == 0:
            if (forked := os.fork()) == 0:
                connection.detach()
                _run(pickle.loads(message), fds, parent)  # noqa: S301 - from our own client
                return
            os.write(writing, str(forked).encode())
            os._exit(0)
        os.waitpid(between, 0)  # from here on the forked process is the client's child
        connection.send(os.read(reading, 16))
        for fd in (*fds, reading, writing):
            os.close(fd)


def _run(request: Request, fds: Sequence[int], parent: int) -> None:
    _redirect(fds)
    _become(request, parent)
    if request.command[2] == STARTS_OTHERS:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:  # the server of this command, which ends with it
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            _set_command_line(["fork-server"])
            _redirect([os.open(os.devnull, os.O_RDWR)] * 3, keep=theirs.fileno())
            serve(theirs)
            return
        theirs.close()
        ForkServer(ours).install()
    runpy.run_module(request.command[2], run_name="__main__", alter_sys=True)


def _redirect(fds: Sequence[int], *, keep: int = 3) -> None:
    """Make these the standard streams; close all others but `keep`."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    os.closerange(3, keep)
    os.closerange(keep + (keep > 3), os.sysconf("SC_OPEN_MAX"))


def _become(request: Request, parent: int) -> None:
    """Make this process what a new interpreter would be."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    if request.new_session:
        os.setsid()
    while os.getppid() not in (parent, 1):  # 1 where the client has ended meanwhile
        time.sleep(REPARENTED_POLL_S)
    if request.prepare:
        request.prepare()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _set_command_line(request.command)
    _open_standard_streams()
    sys.path[0], sys.argv = request.folder, ["-m", *request.command[3:]]


def _open_standard_streams() -> None:
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


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value)


def main() -> None:
    """Import, then serve."""
    for name in WARM:
        importlib.import_module(name)
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
