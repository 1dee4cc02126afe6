"""README.md, "How fast". `make bench` measures the figures; these examples measure no time.

A comparison is fair only if both programs compute the same: the example checks this.
"""

import numpy as np
import pandas as pd

from tests.e2e.pipeline import Pipeline
from tests.promises.interfaces import Sql


def test_a_script_with_pandas_gives_the_same_numbers(
    stack: Pipeline, source_sql: Sql, target_sql: Sql
) -> None:
    """> a script with pandas"""
    samples = pd.DataFrame(source_sql("SELECT timestamp, power FROM data"), columns=["at", "power"])
    windows = samples.set_index("at")["power"].resample("10min").agg(["mean", "min", "max", "std"])
    stack.run(start="2025-12-01", end="2025-12-10")
    columns = "timestamp, value, min_value, max_value, std_value"
    rows = target_sql(f"SELECT {columns} FROM signal_data WHERE signal = 'T01.power' ORDER BY 1")
    assert [row[0] for row in rows] == list(windows.index)
    np.testing.assert_allclose([row[1:] for row in rows], windows, rtol=1e-9, atol=1e-9)
