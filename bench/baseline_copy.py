"""A baseline that shows what this machine can do: one hand-tuned process that copies from database
to database. No HTTP, no broker, no ledger, no quality. It cannot be run twice, and an interrupted
run leaves nothing.
"""

import io
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import psycopg2
from numpy.typing import NDArray

from shared.postgres.binary_copy import READ_BYTES, binary_columns, binary_file, binary_rows

Floats = NDArray[np.float64]

VARIABLES = ("wind_speed", "power")
WINDOW_US = 600_000_000
TYPES = ("datetime64[us]", "float64", "float64")


def run(source_url: str, target_url: str, start: datetime, days: int) -> None:
    """Write the statistics of `wind_speed` and `power`."""
    starts, columns = statistics(*read(source_url, start, start + timedelta(days=days)))
    with psycopg2.connect(target_url) as target, target.cursor() as cursor:
        cursor.execute("SELECT name, id FROM signal")
        ids = dict(cursor.fetchall())
        rows = [
            binary_rows([starts, np.full(len(starts), ids[name], np.int32), columns[name]])
            for name in sorted(columns, key=ids.__getitem__)
        ]
        cursor.copy_expert(
            "COPY data (timestamp, signal_id, value) FROM STDIN (FORMAT binary)",
            binary_file(*rows),
            READ_BYTES,
        )
    target.close()


def read(url: str, start: datetime, end: datetime) -> list[NDArray[Any]]:
    """Timestamps and values of all samples in the range; none of them may be null."""
    file = io.BytesIO()
    with psycopg2.connect(url) as source, source.cursor() as cursor:
        in_range = cursor.mogrify("timestamp >= %s AND timestamp < %s", (start, end)).decode()
        cursor.copy_expert(
            f"COPY (SELECT timestamp, wind_speed, power FROM data WHERE {in_range} "  # noqa: S608
            "ORDER BY timestamp) TO STDOUT (FORMAT binary)",
            file,
        )
    source.close()
    return binary_columns(file.getbuffer(), TYPES)


def statistics(
    timestamps: NDArray[np.datetime64], *columns: Floats
) -> tuple[NDArray[np.datetime64], dict[str, Floats]]:
    """Window starts, and each statistic of both variables by the name of its signal."""
    windows = timestamps.astype(np.int64) // WINDOW_US
    first = np.flatnonzero(np.append(True, windows[1:] != windows[:-1]))
    sizes = np.diff(np.append(first, len(timestamps)))
    by_signal: dict[str, Floats] = {}
    for variable, values in zip(VARIABLES, columns, strict=True):
        mean = np.add.reduceat(values, first) / sizes
        squares = np.add.reduceat(np.square(values - np.repeat(mean, sizes)), first)
        by_signal[f"{variable}_mean_10m"] = mean
        by_signal[f"{variable}_min_10m"] = np.minimum.reduceat(values, first)
        by_signal[f"{variable}_max_10m"] = np.maximum.reduceat(values, first)
        by_signal[f"{variable}_std_10m"] = np.sqrt(squares / (sizes - 1))
    return (windows[first] * WINDOW_US).view("datetime64[us]"), by_signal
