"""README.md, "See it". Each example checks the words that it quotes."""

from io import BytesIO

import httpx
import pandas as pd
import pyarrow as pa

from tests.e2e.pipeline import Pipeline


def test_results_can_be_downloaded_as_csv_parquet_or_arrow(
    stack: Pipeline, dashboard: httpx.Client
) -> None:
    """> the data as CSV, Parquet or Arrow, by page or by a documented read API"""
    stack.run(date="2025-12-05")
    address = "/api/signals/data?start=2025-12-05&signals=T01.power_mean_10m"
    csv, parquet, arrow = (
        dashboard.get(f"{address}&format={name}").content for name in ("csv", "parquet", "arrow")
    )
    assert len(pd.read_csv(BytesIO(csv))) == 144
    assert len(pd.read_parquet(BytesIO(parquet))) == 144
    assert pa.ipc.open_stream(arrow).read_all().num_rows == 144
