"""How a service ends is told by its exit code: whoever watches it starts again what has died."""

import subprocess
import sys

DYING = """
from shared import http, service
from shared.settings import ServiceSettings

settings = ServiceSettings(port=0)

def die():
    raise RuntimeError("out of luck")

def body(stop):
    app = http.create_app("unlucky", "", settings, ready=lambda: None)
    service.run(app, settings, stop, workers=[die])

service.main("unlucky", settings, body)
"""


def test_a_service_whose_worker_has_died_ends_with_1() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, "worker-0 ended by itself" in ended.stderr) == (1, True)
