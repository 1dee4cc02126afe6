"""Fills the table of the source."""

from contextlib import closing

import psycopg2

from bench.plan import Source
from shared.sample_data.generator import VARIABLES
from shared.sample_data.writer import seed


def fill(url: str, source: Source) -> None:
    """Write the samples of all parts, and add columns until there are enough variables."""
    for part in source.parts:
        seed(url, part, lambda *_: None)
    names = variables(source.variables)[len(VARIABLES) :]
    if names:
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as c:
            c.execute(f"ALTER TABLE data {', '.join(map(_column, names))}")


def variables(count: int) -> tuple[str, ...]:
    """The names of so many variables of the source."""
    return (*VARIABLES, *(f"variable_{n:02d}" for n in range(len(VARIABLES) + 1, count + 1)))[
        :count
    ]


def _column(name: str) -> str:
    number = int(name.rpartition("_")[2])
    return f"ADD {name} double precision GENERATED ALWAYS AS (wind_speed + {number}) STORED"
