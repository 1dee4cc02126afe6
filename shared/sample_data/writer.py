"""Sample data into the source database, in one transaction: all of it or none."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class that psycopg2 writes small
from psycopg2.extensions import make_dsn

from shared.errors import ConfigurationError, Conflict, Unavailable
from shared.postgres.binary_copy import READ_BYTES, binary_file, binary_rows
from shared.postgres.engines import CONNECT_TIMEOUT_S, KEEPALIVES
from shared.postgres.urls import postgres_url
from shared.sample_data import generator

_SHAPE = """
SELECT a.attname, format_type(a.atttypid, NULL), coalesce(a.attnum = ANY (i.indkey), false)
FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""

Shape = dict[str, tuple[str, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOptions:
    """What to write, and the names of `SourceSettings` to write it under. `assets` 0 means a table
    without an asset column, N means T01 to TN; `table` may name its schema. Raises `Misconfigured`.
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
        if self.days < 1:
            raise ConfigurationError(f"{self.days} days: give 1 or more")
        if self.assets < 0:
            raise ConfigurationError(f"{self.assets} assets: give 0 (no asset column) or more")
        _turbines(self)


def seed(
    url: str,
    options: SeedOptions,
    progress: Callable[[int, int], None],
    *,
    reader: str | None = None,
) -> int:
    """Replace everything the table holds in the period by samples; return the rows written.

    The table is made where it is missing; the role `reader`, if given, may select from it.
    `progress` is told rows written and rows in all, after each chunk and at the end. Raises
    `Conflict` for a table of another shape and `Outage` where PostgreSQL does not do as it is told.
    """
    with _transaction(url) as cursor:
        # Two at once would make the table twice, or meet in the primary key.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('minuano seed'))")
        _require_table(cursor, options)
        if reader:
            cursor.execute(
                sql.SQL("GRANT SELECT ON {} TO {}").format(_table(options), sql.Identifier(reader))
            )
        _clear(cursor, options)
        return _fill(cursor, options, progress)


def holds_rows(url: str, options: SeedOptions) -> bool:
    """Whether the table is there and not empty."""
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
    """The turbines by name; without an asset column it is one, without a name."""
    numbers = range(1, options.assets + 1) if options.assets else range(1)
    return {
        f"T{number:02d}" if number else "": generator.Turbine(
            asset=number,
            period_s=options.period_s,
            gaps=options.gaps,
            random_seed=options.random_seed,
        )
        for number in numbers
    }


def _table(options: SeedOptions) -> sql.Identifier:
    return sql.Identifier(*options.table.split("."))


def _shape(options: SeedOptions) -> Shape:
    """The columns: their type, and whether they are part of the primary key."""
    asset: Shape = {options.asset_column: ("text", True)} if options.assets else {}
    variables = dict.fromkeys(generator.VARIABLES, ("double precision", False))
    return {**asset, options.time_column: ("timestamp with time zone", True), **variables}


def _require_table(cursor: Cursor, options: SeedOptions) -> None:
    wanted = _shape(options)
    columns = [sql.SQL("{} " + kind).format(sql.Identifier(c)) for c, (kind, _) in wanted.items()]
    key = [sql.Identifier(name) for name, (_, in_key) in wanted.items() if in_key]
    cursor.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
            _table(options), sql.SQL(", ").join(columns), sql.SQL(", ").join(key)
        )
    )
    cursor.execute(_SHAPE, (_table(options).as_string(cursor),))
    found = {name: (kind, in_key) for name, kind, in_key in cursor.fetchall()}
    if found != wanted:
        raise Conflict(
            f"the table {options.table} is there with another shape: it has ({_text(found)}), "
            f"sample data needs ({_text(wanted)}). Give another number of assets or another "
            f"table, or drop this one if nobody needs its rows"
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
            parts = _encoded(name, chunk)
            cursor.copy_expert(copy, binary_file(*parts), size=READ_BYTES)
            written += len(chunk)
            progress(written, expected)
    # With gaps there are fewer rows than expected: the end is where we are.
    progress(written, written)
    return written


def _encoded(name: str, chunk: generator.Samples) -> Iterator[bytes]:
    """COPY rows; rows with the same variables null are encoded together."""
    nulls = np.isnan(chunk.values)
    kinds = (nulls * [[1], [2], [4]]).sum(axis=0)
    for kind in np.unique(kinds):
        rows = kinds == kind
        variables = [
            None if null[rows][0] else values[rows]
            for null, values in zip(nulls, chunk.values, strict=True)
        ]
        asset = [np.full(rows.sum(), name.encode())] if name else []
        yield binary_rows([*asset, chunk.stamps[rows], *variables])
