"""The connector of the naive script."""

import os
import sys
from functools import partial

from bench.contenders.naive_script import SOURCE_SETTING
from cli.embedded import ports
from cli.embedded.child_process import Child
from cli.embedded.stack import Stack
from shared.clients.dagster_health import is_listening
from shared.postgres.urls import sqlalchemy_url

NAME = "naive-connector"
APP = "bench.contenders.naive_script:app"


def start(stack: Stack) -> str:
    """Start it beside the services of the stack; return its URL."""
    port = ports.free()
    source_url = sqlalchemy_url(stack.state.source_url).render_as_string(hide_password=False)
    child = Child(
        NAME, [sys.executable, "-m", "uvicorn", APP, "--log-level=warning", f"--port={port}"],
        stack.logs / f"{NAME}.log",
        env={**os.environ, SOURCE_SETTING: source_url},
    )  # fmt: skip
    stack.add(child, partial(is_listening, ports.HOST, port))
    stack.wait_until_ready()
    return f"http://{ports.HOST}:{port}"
