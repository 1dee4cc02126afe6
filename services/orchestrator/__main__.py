"""`python -m services.orchestrator`: the code location, Dagster's webserver, its daemon."""

from shared.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below, which take a second

import argparse
import os
import sys
from importlib.util import find_spec

from services.orchestrator import instance_config, process_group
from services.orchestrator.instance_config import LOCATION, InstanceSettings
from shared.environment import load_or_exit

MODULE = "services.orchestrator.definitions"
PORTS = {"code": 4000, "webserver": 3000}
REQUIRED = ("dagster", "dagster_webserver", "dagster_postgres")
PYTHON = [sys.executable, "-m"]


def main() -> None:
    options = _parser().parse_args()
    settings = load_or_exit(InstanceSettings, port=PORTS.get(options.process, 0))
    _require_dagster()
    instance_config.write(settings)
    command = [*_command(options.process, settings), *options.words]
    environment = settings.environment()
    if options.words[:1] == ["asset"]:
        # This command executes a run itself, and so loads the code itself.
        environment["DAGSTER_MODULE_NAME"] = MODULE
    elif options.process == "dagster":
        os.chdir(settings.dagster_home)  # the other commands read workspace.yaml from there
    sys.exit(
        process_group.run(command, environment, shutdown_timeout_s=settings.shutdown_timeout_s)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.orchestrator", description=__doc__)
    processes = parser.add_subparsers(dest="process", required=True, metavar="PROCESS")
    processes.add_parser("code", help="the code location: serves the definitions, executes runs")
    processes.add_parser("webserver", help="Dagster's pages and its GraphQL API")
    processes.add_parser("daemon", help="schedules, sensors, backfills and the queue of runs")
    command = processes.add_parser("dagster", help="a command of `dagster` on this instance")
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="...")
    parser.set_defaults(words=[])
    return parser


def _require_dagster() -> None:
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"minuano orchestrator: {', '.join(missing)} is not installed: `make dagster` installs "
            "it, or pip install --require-hashes -r requirements/orchestrator.lock\n"
        )
        sys.exit(2)


def _command(process: str, settings: InstanceSettings) -> list[str]:
    """The command line of a Dagster process, run by this Python."""
    address = ["--host", settings.host, "--port", str(settings.port)]
    workspace = ["--workspace", str(settings.workspace)]
    log_format = ["--log-format", "json" if settings.log_format == "json" else "colored"]
    log_level = settings.log_level
    match process:
        case "code":
            server = [*PYTHON, "services.orchestrator.code_server", "api", "grpc"]
            module = ["--module-name", MODULE, "--location-name", LOCATION]
            return [*server, *module, *address, *log_format, "--log-level", log_level]
        case "webserver":
            server = [*PYTHON, "dagster_webserver", *workspace, *address]
            return [*server, *log_format, "--dagster-log-level", log_level]
        case "daemon":
            daemon = [*PYTHON, "dagster._daemon", "run", *workspace]
            return [*daemon, *log_format, "--log-level", log_level]
    return [*PYTHON, "dagster"]


if __name__ == "__main__":
    main()
