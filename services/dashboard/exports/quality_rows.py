"""The windows that are not perfect, as tables; one chunk of time is in memory at once."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa

from services.dashboard.exports.formats import Tables
from services.dashboard.exports.signal_values import Label
from services.dashboard.exports.snapshot import copy_to_arrow, snapshot, time_chunks
from services.dashboard.queries.target import Target
from shared.domain.batches import TIMESTAMP
from shared.domain.quality_flags import Flag
from shared.domain.time_range import TimeRange

SCHEMA = pa.schema(
    [
        ("timestamp", TIMESTAMP), ("asset", pa.string()), ("variable", pa.string()),
        ("window_s", pa.int32()), ("count", pa.int32()), ("expected", pa.int32()),
        ("flags", pa.int32()), ("flag_names", pa.string()),
    ]
)  # fmt: skip
_COLUMNS = {field.name: field.type for field in SCHEMA if field.name != "flag_names"}
_FROM = """
    FROM quality WHERE timestamp >= %(start)s AND timestamp < %(end)s
    AND (%(variables)s = '{}' OR variable = ANY (%(variables)s))
    AND (%(assets)s = '{}' OR asset = ANY (%(assets)s))
"""
_ROWS = f"SELECT {', '.join(_COLUMNS)} {_FROM} ORDER BY timestamp, asset, variable, window_s"
_EDGES = f"""
    SELECT min(timestamp), max(timestamp), min(window_s),
           count(DISTINCT (asset, variable, window_s)) {_FROM}
"""


def tables(
    target: Target,
    time_range: TimeRange,
    *,
    variables: Sequence[str],
    assets: Sequence[str],
    label: Label,
) -> Tables:
    """The rows of `quality` whose windows start in the time range, in the order of time."""
    names = {"variables": list(variables), "assets": list(assets)}
    with snapshot(target.engine) as connection:
        params = {**names, "start": time_range.start, "end": time_range.end}
        first, last, window_s, columns = connection.exec_driver_sql(_EDGES, params).one()
        if first is None:
            return
        edges = TimeRange(first, last + timedelta(microseconds=1))
        for start, end in time_chunks(
            edges, window_s=window_s, columns=columns, chunk_values=target.chunk_values
        ):
            rows = copy_to_arrow(connection, _ROWS, {**names, "start": start, "end": end}, _COLUMNS)
            yield _complete(rows, label)


def _complete(rows: pa.Table, label: Label) -> pa.Table:
    """Add the names of the flags, separated by blanks, and apply the label."""
    names = [" ".join(_names(flags)) for flags in rows["flags"].to_pylist()]
    if label == "end":
        lengths = rows["window_s"].to_numpy().astype("timedelta64[s]")
        ends = pa.array(np.add(rows["timestamp"].to_numpy(), lengths), TIMESTAMP)
        rows = rows.set_column(0, "timestamp", ends)
    return rows.append_column("flag_names", pa.array(names, pa.string())).cast(SCHEMA)


def _names(flags: int) -> list[str]:
    return [flag.name.lower() for flag in Flag if flag & flags and flag.name]
