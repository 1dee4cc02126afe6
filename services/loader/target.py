"""The target's `data` and `quality`: each unit is replaced as a whole, and only what differs is
touched, so that loading the same again writes nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from services.loader.fence import Patch
from services.loader.rows import Unit, Values
from shared.copy import READ_BYTES, binary_file, binary_rows

_UNITS = """
    unnest(CAST(:ids AS integer[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
    WITH ORDINALITY AS unit(signal_id, start, "end", n)"""

_OCCUPIED = text(f"""
    SELECT unit.n FROM {_UNITS} WHERE EXISTS (
        SELECT FROM data d WHERE d.signal_id = unit.signal_id
        AND d.timestamp >= unit.start AND d.timestamp < unit."end")
""")  # noqa: S608 - our own text

_REPLACE = text(f"""
    WITH standing AS MATERIALIZED (
        SELECT d.signal_id, d.timestamp, d.value FROM {_UNITS}
        JOIN data d ON d.signal_id = unit.signal_id
        AND d.timestamp >= unit.start AND d.timestamp < unit."end"
    ), difference AS MATERIALIZED (
        SELECT signal_id, timestamp, i.value, s.value IS NOT NULL AS stands
        FROM standing s FULL JOIN incoming i USING (signal_id, timestamp)
        WHERE i.value IS DISTINCT FROM s.value
    ), gone AS (
        DELETE FROM data d USING difference x
        WHERE d.signal_id = x.signal_id AND d.timestamp = x.timestamp AND x.value IS NULL
    ), changed AS (
        UPDATE data d SET value = x.value FROM difference x
        WHERE d.signal_id = x.signal_id AND d.timestamp = x.timestamp AND x.stands
        AND x.value IS NOT NULL
    )
    INSERT INTO data (timestamp, signal_id, value)
    SELECT timestamp, signal_id, value FROM difference WHERE NOT stands
    ORDER BY signal_id, timestamp
""")  # noqa: S608 - our own text

# What was never analysed must not be joined by reading all of `data`. A plan that was forced looks
# so dear that PostgreSQL before 18 would compile it, for longer than it runs.
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"

_IMPERFECT = """
    unnest(CAST(:assets AS text[]), CAST(:variables AS text[]), CAST(:windows AS integer[]),
           CAST(:stamps AS timestamptz[]), CAST(:counts AS integer[]),
           CAST(:expected AS integer[]), CAST(:flags AS integer[]))
    AS i(asset, variable, window_seconds, timestamp, count, expected, flags)"""
_IMPERFECT_NAMES = ("assets", "variables", "windows", "stamps", "counts", "expected", "flags")

# EXCEPT sorts or hashes, however many rows there are; NOT IN compares each with each of them.
_DELETE_QUALITY = text(f"""
    DELETE FROM quality q USING (
        SELECT s.asset, s.variable, s.window_seconds, s.timestamp, s.count, s.expected, s.flags
        FROM unnest(
            CAST(:unit_assets AS text[]), CAST(:unit_variables AS text[]),
            CAST(:unit_windows AS integer[]),
            CAST(:unit_starts AS timestamptz[]), CAST(:unit_ends AS timestamptz[])
        ) AS unit(asset, variable, window_seconds, start, "end")
        JOIN quality s ON s.asset = unit.asset AND s.variable = unit.variable
        AND s.window_seconds = unit.window_seconds
        AND s.timestamp >= unit.start AND s.timestamp < unit."end"
        EXCEPT SELECT * FROM {_IMPERFECT}
    ) AS gone
    WHERE q.asset = gone.asset AND q.variable = gone.variable
    AND q.window_seconds = gone.window_seconds AND q.timestamp = gone.timestamp
""")  # noqa: S608 - our own text

_INSERT_QUALITY = text(f"""
    INSERT INTO quality (asset, variable, window_seconds, timestamp, count, expected, flags)
    SELECT * FROM {_IMPERFECT} ON CONFLICT DO NOTHING
""")  # noqa: S608 - our own text


class Target:
    """Writes within the transaction of `connection`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace_data(self, units: Sequence[Unit], values: Values) -> None:
        """Make `values` all that stands in the units. Both are in the order of the primary key."""
        occupied = {n - 1 for n in self._connection.scalars(_OCCUPIED, _arrays(units))}
        if not occupied:
            self._copy("data", values)
            return
        standing = [unit for n, unit in enumerate(units) if n in occupied]
        among = _among(standing, values)
        self._copy("data", values.where(~among))
        self._merge(standing, values.where(among))

    def replace_quality(
        self, patches: Sequence[Patch], imperfect: Sequence[tuple[Any, ...]]
    ) -> None:
        """Make `imperfect` (see `rows.imperfect`) all that stands in the patches' spans."""
        places = [
            (p.batch.slice.asset, p.variable, p.batch.slice.spec.window_s, start, end)
            for p in patches
            if not p.statistic
            for start, end in p.spans
        ]
        columns = dict(zip(_IMPERFECT_NAMES, _columns(imperfect, 7), strict=True))
        names = ("unit_assets", "unit_variables", "unit_windows", "unit_starts", "unit_ends")
        units = dict(zip(names, _columns(places, 5), strict=True))
        self._connection.exec_driver_sql(_BY_INDEX)
        self._connection.execute(_DELETE_QUALITY, {**columns, **units})
        if imperfect:
            self._connection.execute(_INSERT_QUALITY, columns)

    def _merge(self, units: Sequence[Unit], values: Values) -> None:
        self._connection.exec_driver_sql(
            "CREATE TEMPORARY TABLE IF NOT EXISTS incoming "
            "(timestamp timestamptz, signal_id integer, value double precision) "
            "ON COMMIT DELETE ROWS"
        )
        self._copy("incoming", values)
        self._connection.exec_driver_sql(_BY_INDEX)
        self._connection.execute(_REPLACE, _arrays(units))

    def _copy(self, table: str, values: Values) -> None:
        if not len(values):
            return
        cursor: Any = self._connection.connection.cursor()
        with cursor:
            cursor.copy_expert(
                f"COPY {table} (timestamp, signal_id, value) FROM STDIN (FORMAT binary)",
                binary_file(binary_rows([values.timestamp, values.signal_id, values.value])),
                READ_BYTES,
            )


def _arrays(units: Sequence[Unit]) -> dict[str, list[Any]]:
    return {
        "ids": [unit.signal_id for unit in units],
        "starts": [unit.start for unit in units],
        "ends": [unit.end for unit in units],
    }


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]


def _among(units: Sequence[Unit], values: Values) -> Any:
    """Which of the values lie in one of the units; shape (values,)."""
    found = np.zeros(len(values), np.bool_)
    for unit in units:
        first, last = np.searchsorted(values.signal_id, [unit.signal_id, unit.signal_id + 1])
        span = [np.datetime64(t.replace(tzinfo=None), "us") for t in (unit.start, unit.end)]
        start, end = first + np.searchsorted(values.timestamp[first:last], span)
        found[start:end] = True
    return found
