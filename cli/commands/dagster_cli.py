"""`dagster`: Dagster's own command line, on the Dagster of the stack that runs in this folder."""

import os
import sys

import typer

from cli import context
from cli.embedded.dagster_stack import require_installed
from shared.errors import ConfigurationError

# All arguments belong to Dagster's command, --help too.
PASS_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}


def dagster(ctx: typer.Context) -> None:
    """Run Dagster's own command line on the stack of `minuano up --dagster`.

    Example: minuano dagster job list
    """
    require_installed()
    running = context.running_stack()
    if running is None or not running.dagster_url:
        raise ConfigurationError("no Dagster runs here: `minuano up --dagster` starts one")
    command = [sys.executable, "-m", "services.orchestrator", "dagster", *ctx.args]
    environment = {**os.environ, **running.environment()}
    os.execve(sys.executable, command, environment)  # noqa: S606 - it replaces this process
