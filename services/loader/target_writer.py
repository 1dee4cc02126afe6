"""The target's `data` and `quality`: each unit is replaced as a whole, and only what differs is
touched, so that loading the same again writes nothing.
"""

import io
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from services.loader.fence import Patch
from services.loader.row_diff import row_diff
from services.loader.target_rows import ReplaceRange, TargetRows
from shared.postgres.binary_copy import READ_BYTES, binary_columns, binary_file, binary_rows

_TYPES = ("datetime64[us]", "int32", "float64")

_EXISTING_ROWS = """
    COPY (
        SELECT d.timestamp, d.signal_id, d.value
        FROM unnest(%(ids)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS unit(signal_id, start, "end")
        JOIN data d ON d.signal_id = unit.signal_id
        AND d.timestamp >= unit.start AND d.timestamp < unit."end"
        ORDER BY d.signal_id, d.timestamp
    ) TO STDOUT (FORMAT binary)
"""
# Rows that are to have another value, or none: those are to go.
_CHANGED_ROWS = """
    CREATE TEMPORARY TABLE IF NOT EXISTS amended
    (timestamp timestamptz, signal_id integer, value double precision) ON COMMIT DELETE ROWS
"""
_UPDATE = """
    UPDATE data d SET value = x.value FROM amended x
    WHERE d.signal_id = x.signal_id AND d.timestamp = x.timestamp AND x.value IS NOT NULL
"""
_DELETE = """
    DELETE FROM data d USING amended x
    WHERE d.signal_id = x.signal_id AND d.timestamp = x.timestamp AND x.value IS NULL
"""

# What was never analysed must not be joined by reading all of `data`. A plan that was forced looks
# so dear that PostgreSQL before 18 would compile it, for longer than it runs.
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"

_IMPERFECT = """
    unnest(CAST(:assets AS text[]), CAST(:variables AS text[]), CAST(:windows AS integer[]),
           CAST(:stamps AS timestamptz[]), CAST(:counts AS integer[]),
           CAST(:expected AS integer[]), CAST(:flags AS integer[]))
    AS i(asset, variable, window_s, timestamp, count, expected, flags)"""
_IMPERFECT_NAMES = ("assets", "variables", "windows", "stamps", "counts", "expected", "flags")

# EXCEPT sorts or hashes, however many rows there are; NOT IN compares each with each of them.
_DELETE_QUALITY = text(f"""
    DELETE FROM quality q USING (
        SELECT s.asset, s.variable, s.window_s, s.timestamp, s.count, s.expected, s.flags
        FROM unnest(
            CAST(:unit_assets AS text[]), CAST(:unit_variables AS text[]),
            CAST(:unit_windows AS integer[]),
            CAST(:unit_starts AS timestamptz[]), CAST(:unit_ends AS timestamptz[])
        ) AS unit(asset, variable, window_s, start, "end")
        JOIN quality s ON s.asset = unit.asset AND s.variable = unit.variable
        AND s.window_s = unit.window_s
        AND s.timestamp >= unit.start AND s.timestamp < unit."end"
        EXCEPT SELECT * FROM {_IMPERFECT}
    ) AS gone
    WHERE q.asset = gone.asset AND q.variable = gone.variable
    AND q.window_s = gone.window_s AND q.timestamp = gone.timestamp
""")  # noqa: S608 - our own text

_INSERT_QUALITY = text(f"""
    INSERT INTO quality (asset, variable, window_s, timestamp, count, expected, flags)
    SELECT * FROM {_IMPERFECT} ON CONFLICT DO NOTHING
""")  # noqa: S608 - our own text


class TargetWriter:
    """Writes within the transaction of `connection`, for the rest of which it sets the planner."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.exec_driver_sql(_BY_INDEX)

    def replace_data(self, units: Sequence[ReplaceRange], values: TargetRows) -> None:
        """Make `values` all that stands in the units. Both are in the order of the primary key."""
        found = row_diff(self._existing_rows(units), values)
        self._copy("data", found.new)
        if len(found.changed) or len(found.gone):
            self._connection.exec_driver_sql(_CHANGED_ROWS)
            self._copy("amended", found.changed, without=found.gone)
            self._connection.exec_driver_sql(_UPDATE)
            self._connection.exec_driver_sql(_DELETE)

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
        self._connection.execute(_DELETE_QUALITY, {**columns, **units})
        if imperfect:
            self._connection.execute(_INSERT_QUALITY, columns)

    def _existing_rows(self, units: Sequence[ReplaceRange]) -> TargetRows:
        """The rows of the units, in the order of the primary key."""
        found = io.BytesIO()
        arrays = {
            "ids": [unit.signal_id for unit in units],
            "starts": [unit.start for unit in units],
            "ends": [unit.end for unit in units],
        }
        with self._cursor() as cursor:
            cursor.copy_expert(cursor.mogrify(_EXISTING_ROWS, arrays), found, READ_BYTES)
        return TargetRows(*binary_columns(found.getbuffer(), _TYPES))

    def _copy(self, table: str, values: TargetRows, *, without: TargetRows | None = None) -> None:
        """Add rows, and the keys of others without their values."""
        parts = [binary_rows([values.timestamp, values.signal_id, values.value])]
        if without is not None and len(without):
            parts.append(binary_rows([without.timestamp, without.signal_id, None]))
        if any(parts):
            with self._cursor() as cursor:
                cursor.copy_expert(
                    f"COPY {table} (timestamp, signal_id, value) FROM STDIN (FORMAT binary)",
                    binary_file(*parts),
                    READ_BYTES,
                )

    def _cursor(self) -> Any:
        return self._connection.connection.cursor()


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]
