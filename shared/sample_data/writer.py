"""Write sample data into the source database in one transaction: all of it or none."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2 names the class so
from psycopg2.extensions import make_dsn

from shared.errors import Conflict, Unavailable
from shared.postgres.binary_copy import READ_BYTES, binary_file, binary_rows
from shared.postgres.encoding import CLIENT_ENCODING
from shared.postgres.engines import CONNECT_TIMEOUT_S, KEEPALIVES
from shared.postgres.urls import postgres_url
from shared.sample_data import generator

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), coalesce(a.attnum = ANY (i.indkey), false)
FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""

Shape = dict[str, tuple[str, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOptions:
    """What to write, and the names of the table and columns as in `SourceSettings`. `assets` 0
    means a table without an asset column, N means T01 to TN; `table` may contain a schema. Raises
    `ConfigurationError`.
    """

    start: date = date(2025, 12, 1)
    days: int = 10
    period_s: float = 60.0
    assets: int = 0
    gaps: float = 0.0
    random_seed: int = 1
    table: str = "data"
    time_column: str = "timestamp"
    asset_column: str = "asset"

    def __post_init__(self) -> None:
        _turbines(self)


def seed(
    url: str,
    options: SeedOptions,
    progress: Callable[[int, int], None],
    *,
    reader: str | None = None,
) -> int:
    """Replace the rows of the date range by samples; return the number of rows written.

    Creates the table if it is missing; the role `reader`, if given, gets SELECT on it. Calls
    `progress(rows written, rows expected)` after each chunk and at the end. Raises `Conflict` for a
    table with other columns, and `Unavailable` for errors of PostgreSQL.
    """
    with _transaction(url) as cursor:
        # Two concurrent calls would both create the table, or violate the primary key.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('minuano seed'))")
        _require_table(cursor, options)
        if reader:
            cursor.execute(
                sql.SQL("GRANT SELECT ON {} TO {}").format(_table(options), sql.Identifier(reader))
            )
        _clear(cursor, options)
        return _fill(cursor, options, progress)


def holds_rows(url: str, options: SeedOptions) -> bool:
    """Whether the table exists and has rows."""
    with _transaction(url) as cursor:
        cursor.execute("SELECT to_regclass(%s)", [_table(options).as_string(cursor)])
        if cursor.fetchone() == (None,):
            return False
        cursor.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(_table(options)))
        return cursor.fetchone() is not None


@contextmanager
def _transaction(url: str) -> Iterator[Cursor]:
    try:
        dsn = make_dsn(
            postgres_url(url),
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="minuano-seed",
            **CLIENT_ENCODING,
            **KEEPALIVES,
        )
        with (
            closing(psycopg2.connect(dsn)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            yield cursor
    except psycopg2.Error as error:
        raise Unavailable(f"PostgreSQL: {str(error).strip()}") from error


def _turbines(options: SeedOptions) -> dict[str, generator.Turbine]:
    """The turbines by name; without an asset column one turbine with an empty name."""
    first = generator.Turbine(
        period_s=options.period_s, gaps=options.gaps, random_seed=options.random_seed
    )
    if not options.assets:
        return {"": first}
    return {f"T{n:02d}": replace(first, asset=n) for n in range(1, options.assets + 1)}


def _table(options: SeedOptions) -> sql.Identifier:
    return sql.Identifier(*options.table.split("."))


def _shape(options: SeedOptions) -> Shape:
    """The columns: their type, and whether they are in the primary key."""
    asset: Shape = {options.asset_column: ("text", True)} if options.assets else {}
    variables = dict.fromkeys(generator.VARIABLES, ("double precision", False))
    return {**asset, options.time_column: ("timestamp with time zone", True), **variables}


def _require_table(cursor: Cursor, options: SeedOptions) -> None:
    expected = _shape(options)
    columns = [sql.SQL("{} " + kind).format(sql.Identifier(c)) for c, (kind, _) in expected.items()]
    key = [sql.Identifier(name) for name, (_, in_key) in expected.items() if in_key]
    cursor.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
            _table(options), sql.SQL(", ").join(columns), sql.SQL(", ").join(key)
        )
    )
    cursor.execute(_COLUMNS, (_table(options).as_string(cursor),))
    existing = {name: (kind, in_key) for name, kind, in_key in cursor.fetchall()}
    if existing != expected:
        raise Conflict(
            f"the table {options.table} exists with other columns: it has ({_text(existing)}), "
            f"sample data needs ({_text(expected)}). Give another number of assets or another "
            f"table, or drop this one if its rows are not needed"
        )


def _text(shape: Shape) -> str:
    return ", ".join(f"{name} {kind}{' key' * key}" for name, (kind, key) in shape.items())


def _clear(cursor: Cursor, options: SeedOptions) -> None:
    start = datetime.combine(options.start, time(), UTC)
    cursor.execute(
        sql.SQL("DELETE FROM {} WHERE {column} >= %s AND {column} < %s").format(
            _table(options), column=sql.Identifier(options.time_column)
        ),
        (start, start + timedelta(days=options.days)),
    )


def _fill(cursor: Cursor, options: SeedOptions, progress: Callable[[int, int], None]) -> int:
    copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        _table(options), sql.SQL(", ").join(map(sql.Identifier, _shape(options)))
    )
    turbines = _turbines(options)
    expected = len(turbines) * generator.count(options.start, options.days, options.period_s)
    written = 0
    for name, turbine in turbines.items():
        for chunk in generator.samples(turbine, options.start, options.days):
            cursor.copy_expert(copy, binary_file(*_encode(name, chunk)), size=READ_BYTES)
            written += len(chunk)
            progress(written, expected)
    # Gaps make the number of rows smaller than expected: report 100 %.
    progress(written, written)
    return written


def _encode(name: str, chunk: generator.Samples) -> Iterator[memoryview]:
    """COPY rows; one call of `binary_rows` for each set of variables that are null."""
    nulls = np.isnan(chunk.values)
    patterns = (nulls * [[1], [2], [4]]).sum(axis=0)
    for pattern in np.unique(patterns):
        rows = patterns == pattern
        variables = [
            None if null[rows][0] else values[rows]
            for null, values in zip(nulls, chunk.values, strict=True)
        ]
        asset = [np.full(rows.sum(), name.encode())] if name else []
        yield binary_rows([*asset, chunk.timestamps[rows], *variables])
