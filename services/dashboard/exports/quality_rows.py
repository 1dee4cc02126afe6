"""The windows that are not perfect, as tables; a part of the time in memory at a time."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
from sqlalchemy import text

from services.dashboard.exports.formats import Tables
from services.dashboard.exports.signal_values import Label
from services.dashboard.exports.snapshot import STAMP, Bounds, copy_to_arrow, snapshot, time_chunks
from services.dashboard.queries.target import Target
from shared.domain.quality_flags import Flag

SCHEMA = pa.schema(
    [
        ("timestamp", STAMP), ("asset", pa.string()), ("variable", pa.string()),
        ("window_s", pa.int32()), ("count", pa.int32()), ("expected", pa.int32()),
        ("flags", pa.int32()), ("flag_names", pa.string()),
    ]
)  # fmt: skip
_COLUMNS = {field.name: field.type for field in SCHEMA if field.name != "flag_names"}
_WHICH = """
    timestamp >= {start} AND timestamp < {end}
    AND ({variables} = '{{}}' OR variable = ANY ({variables}))
    AND ({assets} = '{{}}' OR asset = ANY ({assets}))
"""
_COPY = {name: f"%({name})s" for name in ("start", "end", "variables", "assets")}
_BIND = {
    "start": ":start", "end": ":end", "variables": "CAST(:variables AS text[])",
    "assets": "CAST(:assets AS text[])",
}  # fmt: skip
_ROWS = f"""
    SELECT {", ".join(_COLUMNS)} FROM quality WHERE {_WHICH.format(**_COPY)}
    ORDER BY timestamp, asset, variable, window_s
"""  # noqa: S608 - text of our own
_EDGES = f"""
    SELECT min(timestamp), max(timestamp), min(window_s),
           count(DISTINCT (asset, variable, window_s))
    FROM quality WHERE {_WHICH.format(**_BIND)}
"""  # noqa: S608


def tables(
    target: Target,
    bounds: Bounds,
    *,
    variables: Sequence[str],
    assets: Sequence[str],
    label: Label,
) -> Tables:
    """The rows of `quality` of windows that begin within the bounds, in the order of time."""
    which = {"variables": list(variables), "assets": list(assets)}
    with snapshot(target.engine) as connection:
        asked = {**which, "start": bounds[0], "end": bounds[1]}
        first, last, window_s, kinds = connection.execute(text(_EDGES), asked).one()
        if first is None:
            return
        edges = (first, last + timedelta(microseconds=1))
        for start, end in time_chunks(
            edges, window_s=window_s, columns=kinds, values_at_once=target.values_at_once
        ):
            found = copy_to_arrow(
                connection, _ROWS, {**which, "start": start, "end": end}, _COLUMNS
            )
            yield _named(found, label)


def _named(found: pa.Table, label: Label) -> pa.Table:
    """With the flags' names, separated by blanks, and the stamps that `label` means."""
    names = [" ".join(_names(flags)) for flags in found["flags"].to_pylist()]
    if label == "end":
        lengths = found["window_s"].to_numpy().astype("timedelta64[s]")
        stamps = pa.array(np.add(found["timestamp"].to_numpy(), lengths), STAMP)
        found = found.set_column(0, "timestamp", stamps)
    return found.append_column("flag_names", pa.array(names, pa.string())).cast(SCHEMA)


def _names(flags: int) -> list[str]:
    return [flag.name.lower() for flag in Flag if flag & flags and flag.name]
