"""Replaces rows of the target's tables `data` and `quality`.

Only rows that differ are written, so loading the same batch again writes nothing.
"""

import io
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from services.loader.fence import Patch
from services.loader.row_diff import row_diff
from services.loader.target_rows import ReplaceRange, TargetRows
from shared.errors import InvalidInput
from shared.postgres.binary_copy import READ_BYTES, binary_columns, binary_file, binary_rows
from shared.postgres.errors import TARGET

_TYPES = ("datetime64[us]", "int32", "float64")

_EXISTING_ROWS = """
    COPY (
        SELECT d.timestamp, d.signal_id, d.value
        FROM unnest(%(ids)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
            AS r(signal_id, start, "end")
        JOIN data d ON d.signal_id = r.signal_id
        AND d.timestamp >= r.start AND d.timestamp < r."end"
        ORDER BY d.signal_id, d.timestamp
    ) TO STDOUT (FORMAT binary)
"""
# Rows to update with another value, and rows to delete, which have no value here.
_CREATE_CHANGED_ROWS = """
    CREATE TEMPORARY TABLE IF NOT EXISTS changed_rows
    (timestamp timestamptz, signal_id integer, value double precision) ON COMMIT DELETE ROWS
"""
_UPDATE = """
    UPDATE data d SET value = x.value FROM changed_rows x
    WHERE d.signal_id = x.signal_id AND d.timestamp = x.timestamp AND x.value IS NOT NULL
"""
_DELETE = """
    DELETE FROM data d USING changed_rows x
    WHERE d.signal_id = x.signal_id AND d.timestamp = x.timestamp AND x.value IS NULL
"""

# Before the first ANALYZE, PostgreSQL would join by reading all of `data`. The plan that is forced
# here has such high costs that PostgreSQL before 18 would compile it, which takes longer than
# running it.
USE_INDEXES = (
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
)


_INCOMING_QUALITY = """
    unnest(CAST(:assets AS text[]), CAST(:variables AS text[]), CAST(:windows AS integer[]),
           CAST(:timestamps AS timestamptz[]), CAST(:counts AS integer[]),
           CAST(:expected AS integer[]), CAST(:flags AS integer[]))
    AS i(asset, variable, window_s, timestamp, count, expected, flags)"""
_RANGE_PARAMETERS = (
    "range_assets", "range_variables", "range_windows", "range_starts", "range_ends",
)  # fmt: skip
_QUALITY_PARAMETERS = (
    "assets", "variables", "windows", "timestamps", "counts", "expected", "flags",
)  # fmt: skip

# EXCEPT sorts or hashes any number of rows. NOT IN would compare each row with all others.
_DELETE_QUALITY = f"""
    DELETE FROM quality q USING (
        SELECT s.asset, s.variable, s.window_s, s.timestamp, s.count, s.expected, s.flags
        FROM unnest(
            CAST(:range_assets AS text[]), CAST(:range_variables AS text[]),
            CAST(:range_windows AS integer[]),
            CAST(:range_starts AS timestamptz[]), CAST(:range_ends AS timestamptz[])
        ) AS r(asset, variable, window_s, start, "end")
        JOIN quality s ON s.asset = r.asset AND s.variable = r.variable
        AND s.window_s = r.window_s
        AND s.timestamp >= r.start AND s.timestamp < r."end"
        EXCEPT SELECT * FROM {_INCOMING_QUALITY}
    ) AS deleted
    WHERE q.asset = deleted.asset AND q.variable = deleted.variable
    AND q.window_s = deleted.window_s AND q.timestamp = deleted.timestamp
"""  # noqa: S608 - our own text

_INSERT_QUALITY = f"""
    INSERT INTO quality (asset, variable, window_s, timestamp, count, expected, flags)
    SELECT * FROM {_INCOMING_QUALITY} ON CONFLICT DO NOTHING
"""  # noqa: S608 - our own text


class TargetWriter:
    """Writes in the transaction of `connection`, which began with `USE_INDEXES`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace_data(self, ranges: Sequence[ReplaceRange], rows: TargetRows) -> None:
        """Replace all rows in the ranges by `rows`. Both are in the order of the primary key.
        Without ranges all rows are new. Raises `InvalidInput` if a trigger of the target kept a
        row from being written.
        """
        diff = row_diff(self._existing_rows(ranges), rows)
        _require_rows("inserted", self._copy("data", diff.new), len(diff.new))
        if len(diff.changed) or len(diff.deleted):
            self._connection.exec_driver_sql(_CREATE_CHANGED_ROWS)
            self._copy("changed_rows", diff.changed, deleted=diff.deleted)
            updated = self._connection.exec_driver_sql(_UPDATE).rowcount
            _require_rows("updated", updated, len(diff.changed))
            deleted = self._connection.exec_driver_sql(_DELETE).rowcount
            _require_rows("deleted", deleted, len(diff.deleted))

    def _existing_rows(self, ranges: Sequence[ReplaceRange]) -> TargetRows:
        """The rows in the ranges, in the order of the primary key."""
        if not ranges:
            return TargetRows.concat([])
        file = io.BytesIO()
        arrays = {
            "ids": [r.signal_id for r in ranges],
            "starts": [r.time_range.start for r in ranges],
            "ends": [r.time_range.end for r in ranges],
        }
        with self._cursor() as cursor:
            cursor.copy_expert(cursor.mogrify(_EXISTING_ROWS, arrays), file, READ_BYTES)
        return TargetRows(*binary_columns(file.getbuffer(), _TYPES))

    def _copy(self, table: str, rows: TargetRows, *, deleted: TargetRows | None = None) -> int:
        """Insert the rows, and the keys of deleted rows without a value; return how many."""
        pieces = [binary_rows([rows.timestamp, rows.signal_id, rows.value])]
        if deleted is not None and len(deleted):
            pieces.append(binary_rows([deleted.timestamp, deleted.signal_id, None]))
        if not any(pieces):
            return 0
        with self._cursor() as cursor:
            cursor.copy_expert(
                f"COPY {table} (timestamp, signal_id, value) FROM STDIN (FORMAT binary)",
                binary_file(*pieces),
                READ_BYTES,
            )
            return int(cursor.rowcount)

    def _cursor(self) -> Any:
        return self._connection.connection.cursor()


def _require_rows(action: str, count: int, expected: int) -> None:
    if count != expected:
        raise InvalidInput(
            TARGET,
            f"{count} of {expected} rows of `data` were {action}: look for a trigger that leaves "
            "rows out",
        )


def quality_statements(
    patches: Sequence[Patch], quality_rows: Sequence[tuple[Any, ...]]
) -> tuple[list[str], dict[str, list[Any]]]:
    """The statements that replace all quality rows in the ranges of the patches by those of
    `target_rows.quality_rows`, and their values.
    """
    ranges = [
        (slice_.asset, patch.variable, slice_.spec.window_s, start, end)
        for patch in patches
        if not patch.statistic
        for n, slice_ in enumerate(patch.batch.slices)
        for start, end in patch.time_ranges(n)
    ]
    incoming = _parameters(_QUALITY_PARAMETERS, quality_rows)
    statements = [_DELETE_QUALITY, *([_INSERT_QUALITY] if quality_rows else [])]
    return statements, {**incoming, **_parameters(_RANGE_PARAMETERS, ranges)}


def _parameters(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """One list for each column of the rows."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return dict(zip(names, columns, strict=True))
