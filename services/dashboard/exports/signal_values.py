"""The values of signals as tables, long or wide; one chunk of time is in memory at once."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.dashboard.exports.formats import Tables
from services.dashboard.exports.snapshot import clip, copy_to_arrow, snapshot, time_chunks
from services.dashboard.queries.signals import Signal
from services.dashboard.queries.target import Target
from shared.domain.batches import TIMESTAMP
from shared.domain.time_range import TimeRange

Shape = Literal["long", "wide"]
Label = Literal["start", "end"]
"""Whether a timestamp is the start or the end of its window."""

_VALUES = """
    SELECT timestamp, signal_id, value FROM data
    WHERE signal_id = ANY (%(ids)s) AND timestamp >= %(start)s AND timestamp < %(end)s
"""
_TYPES = {"timestamp": TIMESTAMP, "signal_id": pa.int32(), "value": pa.float64()}


def schema(signals: Sequence[Signal], shape: Shape) -> pa.Schema:
    """Long: `timestamp`, `signal`, `value`. Wide: `timestamp` and a column for each signal."""
    timestamp = pa.field("timestamp", TIMESTAMP, nullable=False)
    if shape == "wide":
        return pa.schema([timestamp, *(pa.field(signal.name, pa.float64()) for signal in signals)])
    return pa.schema([timestamp, pa.field("signal", pa.string()), pa.field("value", pa.float64())])


def tables(
    target: Target,
    signals: Sequence[Signal],
    time_range: TimeRange,
    *,
    shape: Shape,
    label: Label,
) -> Tables:
    """The windows that start in the time range, in the order of time, then of `signals`."""
    ids = [signal.id for signal in signals]
    build = _wide if shape == "wide" else _long
    with snapshot(target.engine) as connection:
        edges = clip(connection, ids, time_range)
        if edges is None:
            return
        window_s = min(signal.window_s for signal in signals)
        for start, end in time_chunks(
            edges, window_s=window_s, columns=len(signals), chunk_values=target.chunk_values
        ):
            params = {"ids": ids, "start": start, "end": end}
            rows = copy_to_arrow(connection, _VALUES, params, _TYPES)
            index = pc.index_in(rows["signal_id"], value_set=pa.array(ids, pa.int32())).to_numpy()
            timestamps = rows["timestamp"].to_numpy()
            if label == "end":
                lengths = np.array([signal.window_s for signal in signals], "timedelta64[s]")
                timestamps = timestamps + lengths[index]
            yield build(signals, timestamps, index, rows["value"].to_numpy())


def _long(
    signals: Sequence[Signal], timestamps: np.ndarray, index: np.ndarray, values: np.ndarray
) -> pa.Table:
    order = np.lexsort((index, timestamps))
    names = pa.array([signal.name for signal in signals], pa.string())
    columns = [
        pa.array(timestamps[order], TIMESTAMP),
        names.take(pa.array(index[order])),
        pa.array(values[order], pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=schema(signals, "long"))


def _wide(
    signals: Sequence[Signal], timestamps: np.ndarray, index: np.ndarray, values: np.ndarray
) -> pa.Table:
    times, row = np.unique(timestamps, return_inverse=True)
    cells = np.full((len(signals), len(times)), np.nan)
    cells[index, row] = values
    # The target has no NaN: a cell that is still NaN is missing.
    columns = [pa.array(column, pa.float64(), from_pandas=True) for column in cells]
    return pa.Table.from_arrays(
        [pa.array(times, TIMESTAMP), *columns], schema=schema(signals, "wide")
    )
