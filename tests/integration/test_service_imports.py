"""What a service does not load."""

import subprocess
import sys

ARRAYS = """
import sys
import numpy as np
import pyarrow as pa
from shared.service import WithoutPandas

sys.meta_path.insert(0, WithoutPandas())
stamps = pa.array(np.arange(3)).view(pa.timestamp("us", tz="UTC"))
table = pa.table({"stamp": stamps, "value": pa.array([1.0, None, float("nan")])})
assert table["stamp"][-1].as_py().year == 1970
assert len(table["value"].to_numpy()) == 3
assert table.to_pylist()[1]["value"] is None
assert "pandas" not in sys.modules
"""


def test_arrays_are_used_without_pandas() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ARRAYS], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
