"""A baseline as a developer would write it first: a FastAPI connector that answers with JSON rows,
and a script that loads one day at a time with httpx, pandas and `DataFrame.to_sql`. No part of it
was made slow on purpose.
"""

import os
from datetime import datetime, timedelta
from typing import Annotated, Any

import httpx
import pandas as pd
from fastapi import FastAPI, Query
from sqlalchemy import Engine, column, create_engine, select, table, text

from shared.postgres.urls import sqlalchemy_url

app = FastAPI()
engine = create_engine(os.environ.get("NAIVE_SOURCE_URL", "postgresql+psycopg2://"))


@app.get("/data")
def data(
    start: datetime, end: datetime, variables: Annotated[list[str], Query()]
) -> list[dict[str, Any]]:
    columns: list[Any] = [column("timestamp"), *map(column, variables)]
    query = select(*columns).select_from(table("data")).order_by(column("timestamp"))
    query = query.where(column("timestamp") >= start, column("timestamp") < end)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def run(connector_url: str, target_url: str, start: datetime, days: int) -> None:
    """Write the statistics of `wind_speed` and `power`, one day after the other."""
    target = create_engine(sqlalchemy_url(target_url))
    with httpx.Client(base_url=connector_url, trust_env=False) as connector:
        for n in range(days):
            run_day(connector, target, start + timedelta(days=n))
    target.dispose()


def run_day(connector: httpx.Client, target: Engine, day: datetime) -> None:
    time_range = {"start": day.isoformat(), "end": (day + timedelta(days=1)).isoformat()}
    response = connector.get("/data", params={**time_range, "variables": ["wind_speed", "power"]})
    frame = pd.DataFrame(response.raise_for_status().json())
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    stats = frame.set_index("timestamp").resample("10min").agg(["mean", "min", "max", "std"])
    stats.columns = stats.columns.map("{0[0]}_{0[1]}_10m".format)
    rows = stats.reset_index().melt("timestamp", var_name="name").dropna()
    with target.begin() as connection:
        ids = {name: id for name, id in connection.execute(text("SELECT name, id FROM signal"))}
        rows["signal_id"] = rows.pop("name").map(ids)
        connection.execute(
            text("DELETE FROM data WHERE signal_id = ANY(:ids) AND timestamp >= :start "
                 "AND timestamp < :end"),
            {"ids": list(ids.values()), **time_range},
        )  # fmt: skip
        rows.to_sql("data", connection, if_exists="append", index=False)
