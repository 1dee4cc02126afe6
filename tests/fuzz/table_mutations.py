"""What can be done to the table of a payload: well-formed Arrow that no service writes."""

import random
from typing import Any

import numpy as np
import pyarrow as pa

from shared.domain.arrow_codec import MAX_TABLE_BYTES
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.spec import DAY_S, StatisticsSpec
from tests.fuzz.header_mutations import Mutation
from tests.fuzz.payloads import holding, table_of
from tests.fuzz.valid_entries import DAY, Fields

MAX_ROWS = 3_000_000  # of two columns and more: up to the bound of a payload, and beyond
MAX_CELLS = 1_000_000  # what is larger is not changed any further
INTEGERS = (-(2**63), 2**63 - 1, -1, 0, 2**31, 2**53)
FLOATS = (float("nan"), float("inf"), float("-inf"), 1.8e308 / 1.1, -1e308, 5e-324, -0.0)
TYPES: tuple[Any, ...] = (
    pa.float32(), pa.int8(), pa.string(), pa.large_string(), pa.binary(), pa.bool_(), pa.null(),
    pa.decimal128(38, 10), pa.list_(pa.float64()), pa.struct([("x", pa.float64())]),
    pa.dictionary(pa.int32(), pa.string()), pa.timestamp("ns"), pa.timestamp("us", "Asia/Tokyo"),
    pa.run_end_encoded(pa.int32(), pa.float64()), pa.string_view(), pa.duration("us"),
    pa.map_(pa.string(), pa.int64()), pa.dense_union([pa.field("x", pa.int8())]),
)  # fmt: skip


def another_value(rng: random.Random, table: pa.Table) -> pa.Table:
    """A few cells hold what they must not: nulls, infinities, numbers at the ends of their type."""
    if not table.num_rows:
        return table
    at = rng.randrange(table.num_columns)
    field = table.schema.field(at)
    values = table.column(at).cast(_storage(field.type)).to_pylist()
    for _ in range(rng.randint(1, 3)):
        choices: tuple[Any, ...] = FLOATS if field.type == pa.float64() else INTEGERS
        values[rng.randrange(len(values))] = rng.choice((None, *choices))
    column = pa.array(values, _storage(field.type)).view(field.type)
    return table.set_column(at, field, column)


def other_rows(rng: random.Random, table: pa.Table) -> pa.Table:
    """Shuffled, doubled, in reverse, some of them or none."""
    rows = list(range(table.num_rows))
    kind = rng.randrange(5)
    if kind == 0:
        rng.shuffle(rows)
    elif kind == 1:
        rows = sorted(rows * 2)
    elif kind == 2:
        rows.reverse()
    elif kind == 3:
        rows = [row for row in rows if rng.random() < 0.5]
    else:
        rows = []
    return table.take(pa.array(rows, pa.int64()))


def rows_without_number(rng: random.Random, table: pa.Table) -> pa.Table:
    """Millions of rows, which compress to nothing."""
    count = rng.choice((10_000, 200_000, MAX_ROWS))
    stamps = table.column(0).cast(pa.int64()).to_numpy()
    first = stamps[0] if len(stamps) else 0
    step = rng.choice((0, 1, 1_000_000))
    columns = [
        pa.array(np.full(count, rng.choice((0, 1, 7)))).cast(field.type, safe=False)
        for field in table.schema
    ]
    columns[0] = pa.array(np.arange(count) * step + first).view(table.schema.field(0).type)
    return pa.Table.from_arrays(columns, schema=table.schema)


def other_columns(rng: random.Random, table: pa.Table) -> pa.Table:
    """One is missing, doubled, moved or renamed."""
    at, kind = rng.randrange(table.num_columns), rng.randrange(4)
    field, column = table.schema.field(at), table.column(at)
    if kind == 0:
        return table.remove_column(at)
    if kind == 1:
        return table.append_column(field, column)
    if kind == 2:
        return table.remove_column(at).add_column(0, field, column)
    name = rng.choice(("", "\0", "timestamp", "x" * 100_000, "µ\u202e"))
    return table.set_column(at, field.with_name(name), column)


def columns_without_number(rng: random.Random, table: pa.Table) -> pa.Table:
    names = [f"c{n}" for n in range(rng.choice((1_000, 10_000)))]
    return pa.Table.from_arrays(
        [table.column(0), *[table.column(1)] * len(names)], names=["timestamp", *names]
    )


def another_type(rng: random.Random, table: pa.Table) -> pa.Table:
    at, kind = rng.randrange(table.num_columns), rng.choice(TYPES)
    if kind == pa.dictionary(pa.int32(), pa.string()):
        words = [rng.choice("abc") for _ in range(table.num_rows)]
        column = pa.array(words, pa.string()).dictionary_encode()
    elif pa.types.is_run_end_encoded(kind):
        # A run of a billion rows: 12 bytes that would be unpacked to 8 GB.
        values = pa.array([1.0])
        column = pa.RunEndEncodedArray.from_arrays(
            pa.array([table.num_rows or 1], pa.int32()), values
        )
        column = column[: table.num_rows]
    elif pa.types.is_union(kind):
        column = pa.UnionArray.from_dense(
            pa.array([0] * table.num_rows, pa.int8()),
            pa.array(range(table.num_rows), pa.int32()),
            [pa.array([1] * table.num_rows, pa.int8())], ["x"],
        )  # fmt: skip
    else:
        column = pa.nulls(table.num_rows, kind)
    return table.set_column(at, table.schema.field(at).name, column)


def described(rng: random.Random, table: pa.Table) -> pa.Table:
    """With metadata of the table or of a column, or a column that may hold no nulls."""
    text = {"x" * rng.choice((1, 2_000_000)): "y" * rng.choice((0, 100))}
    at = rng.randrange(table.num_columns)
    field = table.schema.field(at)
    kind = rng.randrange(3)
    if kind == 0:
        return table.replace_schema_metadata(text)
    changed = field.with_metadata(text) if kind == 1 else field.with_nullable(False)
    return table.cast(table.schema.set(at, changed)) if not table.column(at).null_count else table


def at_its_bounds(rng: random.Random, fields: Fields) -> Fields:
    """As large as it may be, and what is computed from it too."""
    spec = StatisticsSpec(window_s=1, period_s=1.0)
    each = 8 * DAY_S  # bytes of a column of windows
    names = [f"v{n}" for n in range((MAX_TABLE_BYTES // each - 2) // 6)]
    count = MAX_TABLE_BYTES // (8 * (1 + len(names))) - 1_000
    stamps = int(DAY.timestamp() * 1e6) + np.arange(count) * (DAY_S * 1_000_000 // count)
    values = pa.array(np.full(count, rng.uniform(0, 25)))
    columns = [pa.array(stamps).view(TIMESTAMP), *[values] * len(names)]
    changed = {
        b"start": b"2025-12-05T00:00:00Z", b"end": b"2025-12-06T00:00:00Z",
        b"variables": ",".join(names).encode(), b"spec": spec.model_dump_json().encode(),
    }  # fmt: skip
    table = pa.Table.from_arrays(columns, schema=RawBatch.schema(names, spec))
    return holding({**fields, **changed}, table)


def _storage(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if kind == TIMESTAMP else kind


def of_table(mutation: Any) -> Mutation:
    """The mutation of an entry that changes the table in it, if it has one."""

    def within_entry(rng: random.Random, fields: Fields) -> Fields:
        table = table_of(fields)
        usual = table is not None and table.num_columns > 1 and _is_usual(table)
        return holding(fields, mutation(rng, table)) if usual else fields

    within_entry.__name__ = mutation.__name__
    return within_entry


def _is_usual(table: pa.Table) -> bool:
    first, *others = table.schema.types
    numbers = all(kind in (TIMESTAMP, pa.int64(), pa.float64()) for kind in others)
    return first == TIMESTAMP and numbers and table.num_rows * table.num_columns < MAX_CELLS


WITHIN = (
    another_value, another_value, another_value, other_rows, other_rows, other_columns,
    another_type, described, rows_without_number, columns_without_number,
)  # fmt: skip
TABLES: tuple[Mutation, ...] = (*map(of_table, WITHIN), at_its_bounds)
