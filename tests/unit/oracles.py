"""The same statistics computed by others: Polars, pandas, and exact rational arithmetic."""

import math
import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
import polars as pl

from tests.unit.batches import Column

WINDOW = timedelta(minutes=10)
Figures = dict[str, float | None]
Described = dict[datetime, Figures]


def by_polars(stamps: Sequence[datetime], values: Column, ddof: int) -> Described:
    """Count and statistics of each window that holds a finite value."""
    value = pl.col("value")
    frame = (
        pl.DataFrame({"stamp": stamps, "value": values}, _POLARS, strict=False)
        .drop_nulls("value")
        .unique("stamp", keep="last", maintain_order=True)
        .filter(value.is_finite())
        .group_by(pl.col("stamp").dt.truncate("10m").alias("window"))
        .agg(
            count=value.count(),
            mean=value.mean(),
            min=value.min(),
            max=value.max(),
            std=pl.when(value.count() > 1).then(value.std(ddof)),
        )
    )
    return {row.pop("window"): row for row in frame.to_dicts()}


def by_pandas(stamps: Sequence[datetime], values: Column, ddof: int) -> Described:
    """Count and statistics of each window that holds a finite value."""
    index = pd.DatetimeIndex(list(stamps), tz="UTC").as_unit("us")
    series = pd.Series(list(values), index=index, dtype="float64")
    present = series[[value is not None for value in values]]
    series = present[~present.index.duplicated(keep="last")].replace(
        [math.inf, -math.inf], math.nan
    )
    grouped = series.dropna().groupby(lambda stamp: stamp.floor("10min"))
    found: Described = {}
    for window, group in grouped:
        found[pd.Timestamp(str(window)).to_pydatetime()] = {
            "count": len(group),
            "mean": group.mean(),
            "min": group.min(),
            "max": group.max(),
            "std": group.std(ddof=ddof) if len(group) > 1 else None,
        }
    return found


def exactly(stamps: Sequence[datetime], values: Column, ddof: int) -> Described:
    """The same in rational arithmetic, rounded once at the end."""
    last = {stamp: v for stamp, v in zip(stamps, values, strict=True) if v is not None}
    windows: dict[datetime, list[float]] = {}
    for stamp, value in last.items():
        if math.isfinite(value):
            begins = (
                stamp - (stamp - stamp.replace(hour=0, minute=0, second=0, microsecond=0)) % WINDOW
            )
            windows.setdefault(begins, []).append(value)
    return {begins: _described(found, ddof) for begins, found in windows.items()}


def _described(values: Sequence[float], ddof: int) -> Figures:
    deviation = statistics.stdev if ddof else statistics.pstdev
    return {
        "count": len(values),
        "mean": statistics.mean(values),
        "min": min(values),
        "max": max(values),
        "std": deviation(values) if len(values) > 1 else None,
    }


_POLARS = {"stamp": pl.Datetime("us", "UTC"), "value": pl.Float64()}
