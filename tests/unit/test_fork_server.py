"""A process of the fork server behaves like a new interpreter."""

import inspect
import io
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.embedded.child_process import Child, stop_all
from tests import fork_probe
from tests.fork_server import _START_PROCESS as START_PROCESS
from tests.fork_server import ForkServer, pickle_request

PROBE = (sys.executable, "-m", fork_probe.__name__)
TIMEOUT_S = 120.0
MARK = {**os.environ, "MARK": "of this process"}
Ended = subprocess.CompletedProcess[str]

pytestmark = pytest.mark.usefixtures("fork_server")


def run(*words: str, **options: Any) -> Ended:
    command = [*PROBE, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, **options)


@contextmanager
def waiting_probe(**options: Any) -> Iterator[subprocess.Popen[str]]:
    """A probe that has printed its state and waits for a signal. It is killed after the block."""
    options = {"env": MARK, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
    with subprocess.Popen([*PROBE, "wait"], text=True, **options) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def without_fork_server(server: ForkServer, action: Callable[[], Ended]) -> Ended:
    """Run the action without the fork server."""
    server.enabled = False
    ended = action()
    server.enabled = True
    return ended


def is_forked(pid: int) -> bool:
    """/proc shows the environment of the fork server for a forked process."""
    return b"MARK=" not in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.parametrize("options", [{}, {"start_new_session": True}], ids=["", "session"])
def test_a_forked_process_has_the_same_state_as_a_new_one(
    fork_server: ForkServer, tmp_path: Path, options: dict[str, Any]
) -> None:
    def probe() -> Ended:
        return run("exit", "ü", cwd=tmp_path, env=MARK, input="typed", **options)

    forked, new = probe(), without_fork_server(fork_server, probe)
    assert json.loads(forked.stdout) == json.loads(new.stdout)
    assert (forked.stderr, forked.returncode) == (new.stderr, 7)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_an_interrupt_is_ignored_where_the_starting_process_ignores_it(
    fork_server: ForkServer, handler: Any
) -> None:
    def handles_interrupts() -> bool:
        return bool(json.loads(run(input="").stdout)["interrupt"])

    before = signal.signal(signal.SIGINT, handler)
    try:
        assert handles_interrupts() is (handler is signal.default_int_handler)
    finally:
        signal.signal(signal.SIGINT, before)


def test_output_is_unbuffered_if_pythonunbuffered_is_set() -> None:
    result = run(env={**MARK, "PYTHONUNBUFFERED": "1"}, input="")
    assert json.loads(result.stdout)["write_through"] is True


def test_a_forked_process_starts_without_modules_of_minuano() -> None:
    assert json.loads(run(input="").stdout)["own_modules"] == []


class OnlyValues(pickle.Unpickler):
    """Imports nothing."""

    def find_class(self, module: str, name: str) -> Any:
        raise AssertionError(f"{module}.{name} would be imported")


def test_the_server_does_not_import_the_function_that_prepares_a_process() -> None:
    options = inspect.signature(START_PROCESS).parameters
    message = pickle_request(dict.fromkeys(options) | {"args": PROBE, "preexec_fn": stop_all})
    assert message
    command, _ = OnlyValues(io.BytesIO(message)).load()
    assert command == PROBE


@pytest.mark.parametrize(
    ("command", "imports", "not_yet"),
    [
        ("services.loader", "services.loader.handler", "services.loader.__main__"),
        ("services.loader", "shared.streams.consumer", "services.aggregator"),
        ("tests.faults.failpoint services.loader", "services.loader.handler", "services.connector"),
        ("cli run", "shared.clients.extractor", "cli"),
    ],
)
def test_a_template_has_the_imports_of_its_service_only(
    command: str, imports: str, not_yet: str
) -> None:
    code = (
        "import json, sys; from tests import fork_server as f\n"
        f"f.import_for(['python', '-m', *{command.split()}])\n"
        "print(json.dumps(list(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    modules = json.loads(output)
    assert imports in modules
    assert not_yet not in modules


def test_an_error_in_a_forked_process_prints_a_traceback_and_exits_with_1() -> None:
    result = run("fail", input="")
    assert "ValueError: requested by the test" in result.stderr
    assert result.returncode == 1


def test_a_forked_process_is_a_child_and_a_signal_ends_it() -> None:
    with waiting_probe() as process:
        assert is_forked(process.pid)
        assert f"PPid:\t{os.getpid()}\n" in Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
        assert process.wait(TIMEOUT_S) == -signal.SIGTERM


def test_a_child_of_a_stack_has_its_log_and_exit_code(tmp_path: Path) -> None:
    child = Child("probe", [*PROBE, "fail"], log := tmp_path / "log")
    child.start()
    assert child.process
    assert child.process.wait(TIMEOUT_S) == 1
    assert log.read_text().startswith("running\n{")
    stop_all([child], within_s=TIMEOUT_S)


@pytest.mark.cold
def test_a_cold_test_starts_a_new_interpreter() -> None:
    with waiting_probe() as process:
        assert not is_forked(process.pid)


@pytest.mark.parametrize("options", [{"umask": 0o077}, {"process_group": 0}, {"pass_fds": (0,)}])
def test_unsupported_popen_options_start_a_new_interpreter(options: dict[str, Any]) -> None:
    with waiting_probe(**options) as process:
        assert not is_forked(process.pid)


def test_orphans_of_other_programs_do_not_become_children() -> None:
    run(input="")  # the fork server has already forked once
    command = ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
    orphan = int(subprocess.run(command, capture_output=True, check=True).stdout)
    try:
        assert f"PPid:\t{os.getpid()}\n" not in Path(f"/proc/{orphan}/status").read_text()
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_python_environment_variables_start_a_new_interpreter() -> None:
    with waiting_probe(env={**MARK, "PYTHONOPTIMIZE": "1"}) as process:
        assert not is_forked(process.pid)


def test_other_commands_are_not_forked() -> None:
    command = [sys.executable, "-c", "print('running', flush=True); input()"]
    with subprocess.Popen(
        command, env=MARK, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            assert not is_forked(process.pid)
        finally:
            process.kill()
