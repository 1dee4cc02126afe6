"""What a service does not load: pandas, though it is there."""

import subprocess
import sys

import pytest

SERVICES = ("connector", "extractor", "aggregator", "loader")
SEEN = """
import importlib, sys
importlib.import_module("services.{service}.__main__")
assert "pandas" not in sys.modules, "loaded while the service was imported"
import numpy as np
import pyarrow as pa
from shared.service import WithoutPandas

sys.meta_path.insert(0, WithoutPandas())
stamps = pa.array(np.arange(3)).view(pa.timestamp("us", tz="UTC"))
table = pa.table({{"stamp": stamps, "value": pa.array([1.0, None, float("nan")])}})
assert table["stamp"][-1].as_py().year == 1970
assert len(table["value"].to_numpy()) == 3
assert table.to_pylist()[1]["value"] is None
assert "pandas" not in sys.modules, "loaded when arrays were used"
"""


@pytest.mark.cold
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_uses_arrays_without_pandas(service: str) -> None:
    code = SEEN.format(service=service)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
