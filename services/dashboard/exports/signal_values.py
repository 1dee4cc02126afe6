"""The values of signals over some time as tables, long or wide; a part in memory at a time."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from services.dashboard.exports.formats import Tables
from services.dashboard.exports.snapshot import (
    STAMP,
    Bounds,
    clip,
    copy_to_arrow,
    snapshot,
    time_chunks,
)
from services.dashboard.queries.signals import Signal
from services.dashboard.queries.target import Target

Shape = Literal["long", "wide"]
Label = Literal["start", "end"]

_VALUES = """
    SELECT timestamp, signal_id, value FROM data
    WHERE signal_id = ANY (%(ids)s) AND timestamp >= %(start)s AND timestamp < %(end)s
"""
_TYPES = {"timestamp": STAMP, "signal_id": pa.int32(), "value": pa.float64()}


def schema(chosen: Sequence[Signal], shape: Shape) -> pa.Schema:
    """Long: `timestamp`, `signal`, `value`; wide: `timestamp` and a column for each signal."""
    stamp = pa.field("timestamp", STAMP, nullable=False)
    if shape == "long":
        return pa.schema([stamp, pa.field("signal", pa.string()), pa.field("value", pa.float64())])
    return pa.schema([stamp, *(pa.field(signal.name, pa.float64()) for signal in chosen)])


def tables(
    target: Target, chosen: Sequence[Signal], bounds: Bounds, *, shape: Shape, label: Label
) -> Tables:
    """The windows that begin within the bounds, in the order of time; of one time, of the signals.
    With `label` "end" a stamp is the end of its window.
    """
    with snapshot(target.engine) as connection:
        narrow = clip(connection, [signal.id for signal in chosen], bounds)
        if narrow is None:
            return
        window_s = min(signal.window_s for signal in chosen)
        for part in time_chunks(
            narrow, window_s=window_s, columns=len(chosen), values_at_once=target.values_at_once
        ):
            yield _table(connection, chosen, part, shape, label)


def _table(
    connection: Connection, chosen: Sequence[Signal], part: Bounds, shape: Shape, label: Label
) -> pa.Table:
    ids = [signal.id for signal in chosen]
    found = copy_to_arrow(
        connection, _VALUES, {"ids": ids, "start": part[0], "end": part[1]}, _TYPES
    )
    place = pc.index_in(found["signal_id"], value_set=pa.array(ids, pa.int32()))
    stamps = found["timestamp"].to_numpy()
    if label == "end":
        lengths = np.array([signal.window_s for signal in chosen], "timedelta64[s]")
        stamps = stamps + lengths[place.to_numpy()]
    write = _wide if shape == "wide" else _long
    return write(chosen, stamps, place.to_numpy(), found["value"].to_numpy())


def _long(
    chosen: Sequence[Signal], stamps: np.ndarray, place: np.ndarray, values: np.ndarray
) -> pa.Table:
    order = np.lexsort((place, stamps))
    names = pa.array([signal.name for signal in chosen], pa.string())
    named = names.take(pa.array(place[order]))
    columns = [pa.array(stamps[order], STAMP), named, pa.array(values[order], pa.float64())]
    return pa.Table.from_arrays(columns, schema=schema(chosen, "long"))


def _wide(
    chosen: Sequence[Signal], stamps: np.ndarray, place: np.ndarray, values: np.ndarray
) -> pa.Table:
    times, row = np.unique(stamps, return_inverse=True)
    cells = np.full((len(chosen), len(times)), np.nan)
    cells[place, row] = values
    # No value is NaN: what is still that is missing.
    columns = [pa.array(column, pa.float64(), from_pandas=True) for column in cells]
    return pa.Table.from_arrays([pa.array(times, STAMP), *columns], schema=schema(chosen, "wide"))
