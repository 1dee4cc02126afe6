"""What a developer would write first: a FastAPI connector that answers with JSON rows, and a script
that loads one day at a time with httpx, pandas and `DataFrame.to_sql`. No part of it was made slow
on purpose.
"""

import os
from datetime import datetime, timedelta
from typing import Annotated, Any

import httpx
import pandas as pd
from fastapi import FastAPI, Query
from sqlalchemy import Engine, column, create_engine, select, table, text

from bench.contenders.task import STATISTICS, Task
from shared.postgres.urls import sqlalchemy_url

SOURCE_SETTING = "NAIVE_SOURCE_URL"

app = FastAPI()
engine = create_engine(os.environ.get(SOURCE_SETTING, "postgresql+psycopg2://"))


@app.get("/data")
def data(
    start: datetime, end: datetime, variables: Annotated[list[str], Query()]
) -> list[dict[str, Any]]:
    columns: list[Any] = [column("asset"), column("timestamp"), *map(column, variables)]
    query = select(*columns).select_from(table("data"))
    query = query.where(column("timestamp") >= start, column("timestamp") < end)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def run(task: Task) -> None:
    """Write the statistics, one day after the other."""
    target = create_engine(sqlalchemy_url(task.target_url))
    with httpx.Client(base_url=task.connector_url, trust_env=False, timeout=60) as connector:
        start = task.start
        while start < task.end:
            end = min(start + timedelta(days=1), task.end)
            run_day(connector, target, start, end, task.variable_list)
            start = end
    target.dispose()


def run_day(
    connector: httpx.Client, target: Engine, start: datetime, end: datetime, variables: list[str]
) -> None:
    time_range = {"start": start.isoformat(), "end": end.isoformat()}
    response = connector.get("/data", params={**time_range, "variables": variables})
    frame = pd.DataFrame(response.raise_for_status().json())
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    windows = frame.groupby(["asset", pd.Grouper(key="timestamp", freq="10min")])
    stats = windows.agg(list(STATISTICS))
    stats.columns = stats.columns.map("_".join)
    rows = stats.reset_index().melt(["asset", "timestamp"], var_name="name").dropna()
    rows["name"] = rows.pop("asset") + "." + rows["name"] + "_10m"
    with target.begin() as connection:
        ids = {name: id for name, id in connection.execute(text("SELECT name, id FROM signal"))}
        rows["signal_id"] = rows.pop("name").map(ids)
        connection.execute(
            text("DELETE FROM data WHERE signal_id = ANY(:ids) AND timestamp >= :start "
                 "AND timestamp < :end"),
            {"ids": list(ids.values()), **time_range},
        )  # fmt: skip
        rows.to_sql("data", connection, if_exists="append", index=False)
