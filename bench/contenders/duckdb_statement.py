"""DuckDB reads the source, computes and writes into the target. It can be run twice; it keeps no
ledger and checks nothing.
"""

from pathlib import Path

import duckdb
import duckdb_extension_postgres_scanner as scanner

from bench.contenders.task import Task, aggregates, statistic_columns

INSERT = """
    INSERT INTO target.data (timestamp, signal_id, value)
    WITH stats AS (
        SELECT asset, time_bucket(INTERVAL 10 minutes, timestamp) AS timestamp, {aggregates}
        FROM source.data WHERE timestamp >= '{start}' AND timestamp < '{end}' GROUP BY ALL
    ),
    signal AS (
        SELECT asset, variable || '_' || statistic AS name, id
        FROM target.signal WHERE window_s = 600
    )
    SELECT v.timestamp, signal.id, v.value
    FROM (UNPIVOT stats ON {columns} INTO NAME name VALUE value) v
    JOIN signal ON signal.asset = v.asset AND signal.name = v.name
    ORDER BY signal.id, v.timestamp
"""
DELETE = """
    DELETE FROM data WHERE timestamp >= '{start}' AND timestamp < '{end}'
    AND signal_id IN (SELECT id FROM signal WHERE variable = ANY('{{{variables}}}'))
"""


def run(task: Task) -> None:
    """Replace the rows of the range in one transaction of the target."""
    time_range = {"start": task.start.isoformat(), "end": task.end.isoformat()}
    delete = DELETE.format(**time_range, variables=",".join(task.variables))
    columns = statistic_columns(task.variables)
    named = map("{} AS {}".format, aggregates(task.variables), columns)
    insert = INSERT.format(**time_range, aggregates=", ".join(named), columns=", ".join(columns))
    with duckdb.connect(config={"allow_unsigned_extensions": True}) as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"LOAD '{extension()}'")
        connection.execute(f"ATTACH '{task.source_url}' AS source (TYPE postgres, READ_ONLY)")
        connection.execute(f"ATTACH '{task.target_url}' AS target (TYPE postgres)")
        connection.begin()
        connection.execute("CALL postgres_execute('target', ?)", [delete])
        connection.execute(insert)
        connection.commit()


def extension() -> Path:
    """The file of the extension, which must be made for this version of DuckDB."""
    version = f"v{duckdb.__version__}"
    return Path(scanner.__path__[0], "extensions", version, "postgres_scanner.duckdb_extension")
