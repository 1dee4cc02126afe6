"""Pandas is imported where people meet the data, and not during the work of a service."""

import subprocess
import sys

import pytest

SERVICES = ("connector", "extractor", "aggregator", "loader", "dashboard", "orchestrator")
IMPORTS_PANDAS = "import sys, services.{}.__main__; sys.exit('pandas' in sys.modules)"

RUNS_A_SERVICE = """
import sys
from shared import service
from shared.settings import ServiceSettings

service.main("test", ServiceSettings(port=0), lambda stop: sys.exit('pandas' not in sys.modules))
"""


@pytest.mark.cold
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_not_import_pandas_at_start(service: str) -> None:
    code = IMPORTS_PANDAS.format(service)
    process = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, timeout=60)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.cold
def test_arrow_imports_pandas_before_the_work_begins_and_not_during_it() -> None:
    assert subprocess.run([sys.executable, "-c", RUNS_A_SERVICE], timeout=60).returncode == 0


@pytest.mark.cold
def test_the_command_line_imports_pandas_only_in_the_command_that_needs_it() -> None:
    code = "import sys, cli.main; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
