"""Start `python -m services.X`, `-m cli` and `-m tests.faults.failpoint` in milliseconds.

The server is an interpreter that has imported third-party packages but no module of Minuano. For
each service it forks a template, which imports what the service imports, and no other module of
Minuano. The template forks for each request. The forked process becomes a child of the client (a
Linux child subreaper, prctl(2)) with the pipes, signals, exit code, environment, folder and command
line of a new process. Only /proc/PID/environ, its process group and its session are those of the
server.
MINUANO_TEST_FORK=0 or the mark `cold` of a test turns the server off.
"""

import atexit
import ctypes
import gc
import importlib
import importlib.util
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

MODULES = """
    services.connector services.extractor services.aggregator services.loader services.dashboard
    cli tests.faults.failpoint tests.fork_probe
"""
WARM = """
    adbc_driver_postgresql alembic.command fastapi.sse fastapi.templating httpcore httpx
    itsdangerous numpy.random numpy.typing orjson pandas prometheus_fastapi_instrumentator
    psycopg2.extras psycopg2.sql pyarrow.compute pyarrow.csv pyarrow.parquet pydantic.v1 redis
    rich.markdown rich.progress sqlalchemy.dialects.postgresql.psycopg2 stamina
    starlette.staticfiles structlog typer uvicorn.protocols.http.h11_impl
"""
NEEDED_AT_THE_END = {"__main__", "builtins", "io", "sys", "threading", "warnings"}
COMMAND_LINE_BYTES, MAX_REQUEST_BYTES = 4096, 1 << 18
REPARENTED_POLL_S, _PR_SET_CHILD_SUBREAPER = 0.0005, 36
_START_PROCESS: Callable[..., None] = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_PARAMETERS = inspect.signature(_START_PROCESS)
_UNSUPPORTED = ("pass_fds", "executable", "uid", "gid", "gids", "umask", "process_group")
_PIPE_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


class ForkServer:
    """The client. It starts the server process at the first request."""

    def __init__(self) -> None:
        self.enabled, self._prctl = True, ctypes.CDLL(None).prctl
        self._lock, self._owner = threading.Lock(), os.getpid()
        self._connection: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Make `subprocess.Popen` use this server for the commands in MODULES."""

        def execute_child(popen: Any, *args: Any, **kwargs: Any) -> None:
            arguments = _PARAMETERS.bind(popen, *args, **kwargs).arguments
            is_active = self.enabled and os.getpid() == self._owner
            message = pickle_request(arguments) if is_active else None
            if message is None:
                _START_PROCESS(popen, *args, **kwargs)
                return
            streams = enumerate(("p2cread", "c2pwrite", "errwrite"))
            fds = [arguments[name] if arguments[name] != -1 else fd for fd, name in streams]
            popen.pid = self._fork(message, fds)
            popen._child_created = True
            popen._close_pipe_fds(*(arguments[end] for end in _PIPE_ENDS))

        subprocess.Popen._execute_child = execute_child  # type: ignore[attr-defined]

    def _fork(self, message: bytes, fds: Sequence[int]) -> int:
        with self._lock:
            connection = self._connection = self._connection or self._start()
            self._prctl(_PR_SET_CHILD_SUBREAPER, 1)
            socket.send_fds(connection, [message], fds)
            pid = connection.recv(16)
            self._prctl(_PR_SET_CHILD_SUBREAPER, 0)  # do not adopt orphans of other programs
        assert pid, "the fork server has exited; MINUANO_TEST_FORK=0 runs without it"
        return int(pid)

    def _start(self) -> socket.socket:
        client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with server:
            fd, padding = server.fileno(), "-" * COMMAND_LINE_BYTES
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(fd), padding],
                pass_fds=[fd], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return client

    def stop(self) -> None:
        """Stop the server; the processes that it forked keep running."""
        if self._connection and self._process:
            self._connection.close()
            self._process.wait()
            self._connection = None


def pickle_request(arguments: Mapping[str, Any]) -> bytes | None:
    """The pickled request; None if only Popen can run the command with these options."""
    command = () if arguments["shell"] else tuple(map(str, arguments["args"]))
    if command[:2] != (sys.executable, "-m") or command[2] not in MODULES.split():
        return None
    environment = dict(os.environ if arguments["env"] is None else arguments["env"])
    unsupported = (arguments[name] not in (None, -1, ()) for name in _UNSUPPORTED)
    if any(unsupported) or _python_variables(environment) != _python_variables(os.environ):
        return None
    folder = os.path.abspath(arguments["cwd"] or os.curdir)
    prepare, new_session = arguments["preexec_fn"], bool(arguments["start_new_session"])
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    on_interrupt = signal.SIG_IGN if is_ignored else signal.default_int_handler
    # The server reads the command only: to read a function imports its module.
    details = pickle.dumps((folder, environment, prepare, new_session, on_interrupt))
    return pickle.dumps((command, details))


def _python_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that Python reads at its start, except PYTHONUNBUFFERED, which we handle."""
    handled = "PYTHONUNBUFFERED"
    return {k: v for k, v in environment.items() if k.startswith("PYTHON") and k != handled}


# -- the server process


def serve(connection: socket.socket) -> None:
    """Let the template of the requested command fork. Return when the client has closed the
    connection, or in a forked process when its module has ended.
    """
    templates: dict[str, socket.socket] = {}
    while True:
        message, fds, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 3)
        if not message:
            return
        command = pickle.loads(message)[0]  # noqa: S301 - from the client above
        if (name := " ".join(_modules(command))) not in templates:
            templates[name], other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            if os.fork() == 0:
                for inherited in (connection, *templates.values()):
                    inherited.close()
                for fd in fds:
                    os.close(fd)
                import_for(command)
                _serve_template(other)
                return
            other.close()
        socket.send_fds(templates[name], [message], fds)
        connection.send(templates[name].recv(16))
        for fd in fds:
            os.close(fd)


def _modules(command: Sequence[str]) -> list[str]:
    """The module of `python -m X`, and the service that is started with failpoints."""
    return [word for word in command[2:4] if word in MODULES.split()]


def import_for(command: Sequence[str]) -> None:
    """Import what the modules of this command import. They themselves run later, as `__main__`, and
    so do the modules of `cli`, which look at the terminal.
    """
    for name in _modules(command):
        spec = importlib.util.find_spec(name)
        is_package = spec is not None and spec.submodule_search_locations
        main = f"{name}.__main__" if is_package else name
        with suppress(Exception):  # the forked process fails in the same way, and says so
            importlib.import_module(main)
        sys.modules.pop(main, None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cli"]:
        del sys.modules[name]
    gc.freeze()


def _serve_template(connection: socket.socket) -> None:
    """Fork for each request. The forked process runs the module as `python -m` does. Return when
    the server has closed the connection, or in the forked process when the module has ended.
    """
    while True:
        message, fds, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 3)
        if not message:
            return
        reading, writing = os.pipe()
        if (intermediate := os.fork()) == 0:
            intermediate = os.getpid()
            if (forked := os.fork()) == 0:
                connection.detach()
                command, details = pickle.loads(message)  # noqa: S301 - from the client above
                _set_up_process(command, details, fds, intermediate)
                runpy.run_module(command[2], run_name="__main__", alter_sys=True)
                return
            os.write(writing, str(forked).encode())
            os._exit(0)
        os.waitpid(intermediate, 0)  # from here on the forked process is the client's child
        os.close(writing)
        connection.send(os.read(reading, 16))
        for fd in (*fds, reading):
            os.close(fd)


def _set_up_process(
    command: Sequence[str], details: bytes, fds: Sequence[int], intermediate: int
) -> None:
    """Set this process up like a new interpreter."""
    folder, environment, prepare, new_session, on_interrupt = pickle.loads(details)  # noqa: S301
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
    while os.getppid() == intermediate:
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
    """Write it to the memory that /proc/PID/cmdline shows: `arg_start` to `arg_end`, proc(5)."""
    start, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    words = b"".join(word.encode() + b"\0" for word in command)[: end - start - 1]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, words, len(words))


def _keep(names: Iterable[str]) -> None:
    """Hold these modules for ever: see `main`."""
    for name in names:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(sys.modules[name]))


def main() -> None:
    """Import the packages, then serve. The end of a forked process does not tear the packages down:
    that would copy all memory that it shares with the server and take longer than its start. What
    the services import and make themselves is torn down as usual.
    """
    packages: list[str] = []
    atexit.register(lambda: [sys.modules.pop(name, None) for name in packages])  # it runs last
    for name in WARM.split():
        importlib.import_module(name)
    packages += sys.modules.keys() - NEEDED_AT_THE_END
    _keep(packages)
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
