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
NEEDED = ("dagster", "dagster_webserver", "dagster_postgres")
PYTHON = [sys.executable, "-m"]
DAGSTER = [*PYTHON, "dagster"]


def main() -> None:
    options = _parser().parse_args()
    settings = load_or_exit(InstanceSettings, port=PORTS.get(options.part, 0))
    _require_dagster()
    instance_config.write(settings)
    command = [*_command(options.part, settings), *options.words]
    environment = settings.environment()
    if options.words[:1] == ["asset"]:
        environment["DAGSTER_MODULE_NAME"] = (
            MODULE  # it loads the code itself, for a run of its own
        )
    elif options.part == "dagster":
        os.chdir(settings.dagster_home)  # where all others look for workspace.yaml
    sys.exit(
        process_group.run(command, environment, shutdown_timeout_s=settings.shutdown_timeout_s)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.orchestrator", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    parts.add_parser("code", help="what Dagster loads, and the runs that it starts, over gRPC")
    parts.add_parser("webserver", help="Dagster's pages and its GraphQL API")
    parts.add_parser("daemon", help="schedules, sensors, backfills and the queue of runs")
    tool = parts.add_parser("dagster", help="a command of Dagster's own, on this instance")
    tool.add_argument("words", nargs=argparse.REMAINDER, metavar="...")
    parser.set_defaults(words=[])
    return parser


def _require_dagster() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"minuano orchestrator: {', '.join(missing)} is not installed: `make dagster` installs "
            "it, or pip install --require-hashes -r requirements/orchestrator.lock\n"
        )
        sys.exit(2)


def _command(part: str, settings: InstanceSettings) -> list[str]:
    """Dagster's own program for a part, run by this Python."""
    address = ["--host", settings.host, "--port", str(settings.port)]
    workspace = ["--workspace", str(settings.workspace)]
    logs = [
        "--log-format", "json" if settings.log_format == "json" else "colored",
        "--log-level", settings.log_level,
    ]  # fmt: skip
    match part:
        case "code":
            module = ["--module-name", MODULE, "--location-name", LOCATION]
            return [
                *PYTHON,
                "services.orchestrator.code_server",
                "api",
                "grpc",
                *module,
                *address,
                *logs,
            ]
        case "webserver":
            logs[2] = "--dagster-log-level"
            return [*PYTHON, "dagster_webserver", *workspace, *address, *logs]
        case "daemon":
            return [*PYTHON, "dagster._daemon", "run", *workspace, *logs]
    return DAGSTER


if __name__ == "__main__":
    main()
