"""What this machine can do: one hand-tuned process that copies from database to database. No HTTP,
no broker, no ledger, no quality. It cannot be run twice, and an interrupted run leaves nothing.
"""

import io

import numpy as np
import psycopg2
from numpy.typing import NDArray

from bench.contenders.task import SIGNALS, Task
from shared.postgres.binary_copy import READ_BYTES, binary_columns, binary_file, binary_rows

Floats = NDArray[np.float64]
Timestamps = NDArray[np.datetime64]
Turbine = tuple[str, int]
"""The name of a turbine, and the number of its samples in the range."""

WINDOW_US = 600_000_000
IN_RANGE = "FROM data WHERE timestamp >= %s AND timestamp < %s"
COPY = "COPY data (timestamp, signal_id, value) FROM STDIN (FORMAT binary)"


def run(task: Task) -> None:
    """Write the statistics; no sample of the range may be null."""
    turbines, timestamps, samples = read(task)
    counts = [count for _, count in turbines]
    firsts = first_rows(counts, timestamps)
    starts = timestamps[firsts].astype(np.int64) // WINDOW_US * WINDOW_US
    turbine_of_window = np.searchsorted(np.cumsum(counts), firsts, side="right")
    with psycopg2.connect(task.target_url) as target, target.cursor() as cursor:
        cursor.execute(SIGNALS, [task.variable_list])
        ids = {tuple(key): id for *key, id in cursor.fetchall()}
        signals, values = [], []
        for variable, column in zip(task.variables, samples, strict=True):
            for statistic, of_windows in statistics(column, firsts).items():
                own = [ids[asset, variable, statistic] for asset, _ in turbines]
                signals.append(np.array(own, np.int32)[turbine_of_window])
                values.append(of_windows)
        signal = np.concatenate(signals)
        order = np.argsort(signal, kind="stable")  # the windows of each are sorted by time
        starts = np.tile(starts.view("datetime64[us]"), len(signals))
        rows = binary_rows([starts[order], signal[order], np.concatenate(values)[order]])
        cursor.copy_expert(COPY, binary_file(rows), READ_BYTES)
    target.close()


def read(task: Task) -> tuple[list[Turbine], Timestamps, list[Floats]]:
    """The turbines by name, and the samples of all of them, sorted by turbine and time."""
    file, time_range = io.BytesIO(), (task.start, task.end)
    with psycopg2.connect(task.source_url) as source, source.cursor() as cursor:
        cursor.execute(
            f"SELECT asset, count(*) {IN_RANGE} GROUP BY asset ORDER BY asset", time_range
        )
        turbines = cursor.fetchall()
        names = ", ".join(task.variables)
        rows = f"SELECT timestamp, {names} {IN_RANGE} ORDER BY asset, timestamp"
        query = cursor.mogrify(rows, time_range).decode()
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", file)
    source.close()
    types = ("datetime64[us]", *["float64"] * len(task.variables))
    timestamps, *values = binary_columns(file.getbuffer(), types)
    return turbines, timestamps, values


def first_rows(counts: list[int], timestamps: Timestamps) -> NDArray[np.int64]:
    """The row with which each window of each turbine begins."""
    windows = timestamps.astype(np.int64) // WINDOW_US
    is_first = np.append(True, windows[1:] != windows[:-1])
    is_first[np.cumsum(counts)[:-1]] = True
    return np.flatnonzero(is_first)


def statistics(values: Floats, firsts: NDArray[np.int64]) -> dict[str, Floats]:
    """Each statistic of one variable, in the order of the windows."""
    sizes = np.diff(np.append(firsts, len(values)))
    mean = np.add.reduceat(values, firsts) / sizes
    squares = np.add.reduceat(np.square(values - np.repeat(mean, sizes)), firsts)
    return {
        "mean": mean,
        "min": np.minimum.reduceat(values, firsts),
        "max": np.maximum.reduceat(values, firsts),
        "std": np.sqrt(squares / (sizes - 1)),
    }
