"""Whether a part of Dagster's deployment is ready: 0, or 1. Asked every few seconds in each of its
containers, so that it loads neither Dagster nor the settings.

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
    parser.add_argument("part", choices=["code", "webserver", "daemon"])
    parser.add_argument("at", help="HOST:PORT of the code location; the webserver's URL otherwise")
    given = parser.parse_args()
    if given.part == "code" and not given.at.rpartition(":")[2].isdigit():
        parser.error(f"{given.at!r} is no HOST:PORT such as dagster-code:4000")
    sys.exit(not _is_healthy(given.part, given.at))


def _is_healthy(part: str, at: str) -> bool:
    if part == "code":
        host, _, port = at.rpartition(":")
        return dagster_health.is_listening(host, int(port))
    return (
        dagster_health.has_loaded_code(at)
        if part == "webserver"
        else dagster_health.has_daemons(at)
    )


if __name__ == "__main__":
    main()
