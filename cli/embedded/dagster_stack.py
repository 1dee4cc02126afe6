"""Dagster for the embedded stack: code location, webserver and daemon. Dagster has a private
database with a private role. Only these processes import Dagster.
"""

from dataclasses import replace
from functools import partial
from importlib.util import find_spec

from cli.embedded import ports
from cli.embedded.child_process import Child
from cli.embedded.stack import Stack
from shared.clients.dagster_health import has_daemons, has_loaded_code, is_listening
from shared.errors import ConfigurationError

SERVICE, DATABASE = "orchestrator", "dagster"
WEB_PORT, CODE_PORT = 3000, 4000
REQUIRED_PACKAGES = ("dagster", "dagster_postgres", "dagster_webserver")


def require_installed() -> None:
    """Raise `ConfigurationError`, which says how to install Dagster, if it is not installed."""
    if any(find_spec(name) is None for name in REQUIRED_PACKAGES):
        raise ConfigurationError(
            "Dagster is not installed here: `make dagster` installs it, or "
            "pip install --require-hashes -r requirements/orchestrator.lock"
        )


def start(stack: Stack) -> None:
    """Start Dagster in addition to the services of a stack and wait until it is ready."""
    web, code = stack.port(WEB_PORT), stack.port(CODE_PORT)
    url = f"http://{ports.HOST}:{web}"
    stack.state = replace(
        stack.state,
        dagster_url=url,
        settings={**stack.state.settings, **_settings(stack, code)},
    )
    processes = (
        ("code", code, partial(is_listening, ports.HOST, code)),
        ("webserver", web, partial(has_loaded_code, url)),
        ("daemon", 0, partial(has_daemons, url)),
    )
    # One after the other: two processes would create the tables at the same time, and those that
    # need the code location would log errors.
    for role, port, is_ready in processes:
        stack.add(_child(stack, role, port), is_ready)
        stack.wait_until_ready()


def _settings(stack: Stack, code_port: int) -> dict[str, str]:
    return {
        "MINUANO_DAGSTER_HOME": str(stack.folder / "dagster"),
        "MINUANO_DAGSTER_STORAGE_URL": stack.postgres.create_private_database(DATABASE),
        "MINUANO_DAGSTER_CODE_PORT": str(code_port),
    }


def _child(stack: Stack, role: str, port: int) -> Child:
    settings = {
        "MINUANO_HOST": ports.HOST,
        "MINUANO_PORT": str(port),
        "MINUANO_SHUTDOWN_TIMEOUT_S": "4",
    }
    return stack.child(f"dagster-{role}", SERVICE, role, settings=settings)
