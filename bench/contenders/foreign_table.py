"""One statement of PostgreSQL: the target reads the source through postgres_fdw. It can be run
twice; a window that the source no longer has stays in the target.
"""

from typing import Any

import psycopg2
from psycopg2 import sql

from bench.contenders.task import Task, aggregates, statistic_columns

NOT_AVAILABLE = (psycopg2.errors.FeatureNotSupported, psycopg2.errors.UndefinedFile)
FETCH_ROWS = 50_000
"""The default of 100 makes a round trip for every 100 rows."""
SET_UP = """
    DROP EXTENSION IF EXISTS postgres_fdw CASCADE;
    DROP SCHEMA IF EXISTS source CASCADE;
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER source FOREIGN DATA WRAPPER postgres_fdw
        OPTIONS (host {host}, port {port}, dbname {dbname}, fetch_size {fetch_rows});
    CREATE USER MAPPING FOR PUBLIC SERVER source OPTIONS (user {user}, password {password});
    CREATE SCHEMA source;
    IMPORT FOREIGN SCHEMA public LIMIT TO (data) FROM SERVER source INTO source;
    GRANT USAGE ON SCHEMA source TO PUBLIC;
    GRANT SELECT ON source.data TO PUBLIC;
"""
UPSERT = """
    WITH ids AS MATERIALIZED (
        SELECT asset, {ids} FROM signal WHERE window_s = 600 GROUP BY asset
    )
    INSERT INTO data (timestamp, signal_id, value)
    SELECT stats.timestamp, v.signal_id, v.value
    FROM (
        SELECT asset, date_bin('10 minutes', timestamp, '2000-01-01 00:00:00+00') AS timestamp,
               {statistics}
        FROM source.data WHERE timestamp >= %s AND timestamp < %s GROUP BY 1, 2
    ) stats
    JOIN ids USING (asset)
    CROSS JOIN LATERAL (VALUES {values}) v (signal_id, value)
    WHERE v.value IS NOT NULL
    ORDER BY v.signal_id, stats.timestamp
    ON CONFLICT (signal_id, timestamp) DO UPDATE SET value = excluded.value
"""
ID = "max(id) FILTER (WHERE variable || '_' || statistic = '{0}') AS {0}"


def set_up(target_superuser_url: str, source_url: str) -> None:
    """Make the source's table `data` known in the target. Raises one of `NOT_AVAILABLE` if the
    server has no postgres_fdw.
    """
    options: dict[str, Any] = psycopg2.extensions.parse_dsn(source_url)
    literals = {name: sql.Literal(str(value)) for name, value in options.items()}
    statement = sql.SQL(SET_UP).format(**literals, fetch_rows=sql.Literal(str(FETCH_ROWS)))
    with psycopg2.connect(target_superuser_url) as target, target.cursor() as cursor:
        cursor.execute(statement)
    target.close()


def run(task: Task) -> None:
    """Insert or update the statistics in one statement."""
    columns = statistic_columns(task.variables)
    upsert = UPSERT.format(
        statistics=", ".join(map("{} AS {}".format, aggregates(task.variables), columns)),
        ids=", ".join(map(ID.format, columns)),
        values=", ".join(map("(ids.{0}, stats.{0})".format, columns)),
    )
    with psycopg2.connect(task.target_url) as target, target.cursor() as cursor:
        cursor.execute(upsert, (task.start, task.end))
    target.close()
