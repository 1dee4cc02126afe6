"""What one writes without Minuano: a FastAPI connector that answers with JSON rows, and a script
that takes a day at a time through httpx, pandas and `DataFrame.to_sql`. Nothing was made slow.

    PLAIN_SOURCE_URL=… uvicorn bench.baseline_naive:app
    python -m bench.baseline_naive CONNECTOR_URL TARGET_URL 2025-01-01 30
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import pandas as pd
from fastapi import FastAPI, Query
from sqlalchemy import Engine, column, create_engine, select, table, text

app = FastAPI()
source = create_engine(os.environ.get("PLAIN_SOURCE_URL", "postgresql+psycopg2://"))


@app.get("/data")
def data(
    start: datetime, end: datetime, variables: Annotated[list[str], Query()]
) -> list[dict[str, Any]]:
    columns: list[Any] = [column("timestamp"), *map(column, variables)]
    query = select(*columns).select_from(table("data")).order_by(column("timestamp"))
    query = query.where(column("timestamp") >= start, column("timestamp") < end)
    with source.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def run_day(connector: httpx.Client, target: Engine, day: datetime) -> None:
    span = {"start": day.isoformat(), "end": (day + timedelta(days=1)).isoformat()}
    answer = connector.get("/data", params={**span, "variables": ["wind_speed", "power"]})
    frame = pd.DataFrame(answer.raise_for_status().json())
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    stats = frame.set_index("timestamp").resample("10min").agg(["mean", "min", "max", "std"])
    stats.columns = stats.columns.map("{0[0]}_{0[1]}_10m".format)
    long = stats.reset_index().melt("timestamp", var_name="name").dropna()
    with target.begin() as connection:
        ids = {name: id for name, id in connection.execute(text("SELECT name, id FROM signal"))}
        long["signal_id"] = long.pop("name").map(ids)
        connection.execute(
            text("DELETE FROM data WHERE signal_id = ANY(:ids) AND timestamp >= :start "
                 "AND timestamp < :end"),
            {"ids": list(ids.values()), **span},
        )  # fmt: skip
        long.to_sql("data", connection, if_exists="append", index=False)


if __name__ == "__main__":
    connector_url, target_url, first, days = sys.argv[1:]
    start, target = datetime.fromisoformat(first).replace(tzinfo=UTC), create_engine(target_url)
    with httpx.Client(base_url=connector_url) as client:
        for n in range(int(days)):
            run_day(client, target, start + timedelta(days=n))
