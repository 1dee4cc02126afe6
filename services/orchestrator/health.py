"""The health check of Dagster's containers: exits with 0 if a process is ready, or with 1. It runs
every few seconds, and so loads neither Dagster nor the settings.

python -m services.orchestrator.health code dagster-code:4000
python -m services.orchestrator.health daemon http://dagster-webserver:3000
"""

import argparse
import sys

from shared.clients import dagster_health


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m services.orchestrator.health", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("process", choices=["code", "webserver", "daemon"])
    parser.add_argument("address", help="HOST:PORT of the code location, or URL of the webserver")
    arguments = parser.parse_args()
    process, address = arguments.process, arguments.address
    if process == "webserver":
        is_ready = dagster_health.has_loaded_code(address)
    elif process == "daemon":
        is_ready = dagster_health.has_daemons(address)
    else:
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            parser.error(f"{address!r} is not HOST:PORT, such as dagster-code:4000")
        is_ready = dagster_health.is_listening(host, int(port))
    sys.exit(not is_ready)


if __name__ == "__main__":
    main()
