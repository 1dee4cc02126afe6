"""Pandas is imported where people meet the data, and never in a service."""

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
import pyarrow as pa
from shared import service
from shared.settings import ServiceSettings

def body(stop):
    pa.array(["a list", None])
    assert "pandas" not in sys.modules
    assert pa.default_memory_pool().backend_name == "system"

service.main("test", ServiceSettings(port=0), body)
"""


@pytest.mark.cold
def test_no_service_and_no_command_imports_pandas_at_start() -> None:
    # One process for all: most of a second of each process goes into the same packages.
    command = [sys.executable, "-c", IMPORTS_ALL, *MODULES]
    process = subprocess.run(command, stderr=subprocess.PIPE, timeout=60)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.cold
def test_arrow_works_without_pandas_and_with_the_allocator_of_the_c_library() -> None:
    assert subprocess.run([sys.executable, "-c", RUNS_A_SERVICE], timeout=60).returncode == 0
