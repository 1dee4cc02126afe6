"""How a service ends is told by its exit code: whoever watches it starts again what has died."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
from array import array
from pathlib import Path

import pytest

from tests.polling import wait_until

DYING = """
from shared import service
from shared.http.app import create_app
from shared.http.settings import HttpSettings

settings = HttpSettings(port=0)

def die():
    raise RuntimeError("out of luck")

def body(stop):
    app = create_app("unlucky", "", settings, ready=lambda: None)
    service.run(app, settings, stop, workers=[die])

service.main("unlucky", settings, body)
"""

STOPPED_LATE = """
import threading
from shared import service
from shared.http.app import create_app
from shared.http.settings import HttpSettings

settings, asked, ended = HttpSettings(port=0), threading.Event(), threading.Event()

def quick():
    asked.wait()
    ended.set()

def slow():
    ended.wait()
    print("released")

class Late(threading.Event):
    def wait(self, timeout=None):
        if self.is_set():
            return True
        self.set()
        asked.set()
        quick_thread = next(t for t in threading.enumerate() if t.name == "worker-0")
        quick_thread.join()
        return False

app = create_app("late", "", settings, ready=lambda: None)
service.run(app, settings, Late(), workers=[quick, slow])
"""

LOGGING = """
from shared import logs, service
from shared.http.settings import HttpSettings

def body(stop):
    while not stop.is_set():
        logs.get("test").info("a.line", filled="." * 1000)

service.main("talkative", HttpSettings(port=0), body)
"""
ENDS_WITHIN_S = 60.0
PIPE_SHARE = 0.7
"""A line that does not fit into a page of the pipe begins a new one."""


def test_a_service_whose_worker_has_died_ends_with_1() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, "worker-0 stopped unexpectedly" in ended.stderr) == (1, True)


def test_a_worker_that_ends_when_it_is_told_to_is_no_reason_to_leave_the_others() -> None:
    """The signal arrives between a wait for it that has timed out and the look at the workers."""
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_LATE],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, "released" in ended.stdout) == (0, True), ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_a_log_line_is_handled(number: signal.Signals) -> None:
    """The pipe is not read, so that the service is soon in the middle of a line and stays there."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", LOGGING], stderr=subprocess.PIPE, env=buffered
    ) as service:
        try:
            wait_until(lambda: is_asleep_in_a_write(service), what="a full pipe")
            service.send_signal(number)
            _, said = service.communicate(timeout=ENDS_WITHIN_S)
        finally:
            service.kill()
    assert (service.returncode, said.count(b"service.stopping")) == (0, 1)


def is_asleep_in_a_write(service: "subprocess.Popen[bytes]") -> bool:
    """Whether it sleeps while its pipe is as good as full: it does nothing but write."""
    assert service.stderr
    unread = array("i", [0])
    fcntl.ioctl(service.stderr, termios.FIONREAD, unread)
    state = Path(f"/proc/{service.pid}/stat").read_text().rpartition(") ")[2][0]
    return state == "S" and unread[0] > PIPE_SHARE * fcntl.fcntl(service.stderr, fcntl.F_GETPIPE_SZ)
