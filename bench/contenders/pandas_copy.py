"""What a user of pandas writes who knows PostgreSQL: read everything, group it, replace the rows
of the range with one COPY.
"""

import io

import pandas as pd
import psycopg2
from sqlalchemy import create_engine

from bench.contenders.task import DELETE, SIGNALS, STATISTICS, Task
from shared.postgres.binary_copy import READ_BYTES
from shared.postgres.urls import sqlalchemy_url


def run(task: Task) -> None:
    """Write the statistics in one transaction."""
    stats = statistics(read(task))
    with psycopg2.connect(task.target_url) as target, target.cursor() as cursor:
        cursor.execute(DELETE, (task.start, task.end, task.variable_list))
        cursor.execute(SIGNALS, [task.variable_list])
        key = ["asset", "variable", "statistic"]
        ids = pd.DataFrame(cursor.fetchall(), columns=[*key, "signal_id"])
        rows = stats.merge(ids, on=key)[["timestamp", "signal_id", "value"]]
        file = io.StringIO(rows.to_csv(index=False, header=False))
        cursor.copy_expert(
            "COPY data (timestamp, signal_id, value) FROM STDIN (FORMAT csv)", file, READ_BYTES
        )
    target.close()


def read(task: Task) -> pd.DataFrame:
    """All samples of the range: asset, timestamp, and a column for each variable."""
    engine = create_engine(sqlalchemy_url(task.source_url))
    columns = ", ".join(("asset", "timestamp", *task.variables))
    query = f"SELECT {columns} FROM data WHERE timestamp >= %s AND timestamp < %s"  # noqa: S608
    samples = pd.read_sql(query, engine, params=(task.start, task.end))
    engine.dispose()
    return samples


def statistics(samples: pd.DataFrame) -> pd.DataFrame:
    """One row for each value: asset, timestamp, variable, statistic, value."""
    samples["timestamp"] = samples["timestamp"].dt.floor("10min")
    stats = samples.groupby(["asset", "timestamp"]).agg(list(STATISTICS))
    stats.columns = stats.columns.set_names(["variable", "statistic"])
    return stats.melt(ignore_index=False).dropna().reset_index()
