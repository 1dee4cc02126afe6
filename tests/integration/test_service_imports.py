"""Pandas is imported where people meet the data, and not during the work of a service."""

import subprocess
import sys

import pytest

SERVICES = ("connector", "extractor", "aggregator", "loader", "dashboard", "orchestrator")
MODULES = ("cli.main", *(f"services.{service}.__main__" for service in SERVICES))

IMPORTS_ALL = """
import importlib, sys

for name in sys.argv[1:]:
    importlib.import_module(name)
    if "pandas" in sys.modules:
        sys.exit(f"{name} imports pandas")
"""
RUNS_A_SERVICE = """
import sys
from shared import service
from shared.settings import ServiceSettings

service.main("test", ServiceSettings(port=0), lambda stop: sys.exit('pandas' not in sys.modules))
"""


@pytest.mark.cold
def test_no_service_and_no_command_imports_pandas_at_start() -> None:
    # One process for all: most of a second of each process goes into the same packages.
    command = [sys.executable, "-c", IMPORTS_ALL, *MODULES]
    process = subprocess.run(command, stderr=subprocess.PIPE, timeout=60)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.cold
def test_arrow_imports_pandas_before_the_work_begins_and_not_during_it() -> None:
    assert subprocess.run([sys.executable, "-c", RUNS_A_SERVICE], timeout=60).returncode == 0
