"""Mutations of the table in a payload: well-formed Arrow that no service writes."""

import random
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from shared.domain.arrow_codec import MAX_TABLE_BYTES
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.spec import DAY_S, StatisticsSpec
from tests.fuzz.header_mutations import Mutation
from tests.fuzz.payloads import read_table, with_table
from tests.fuzz.valid_entries import DAY, Fields

MAX_ROWS = 3_000_000  # with two or more columns this exceeds the limit of a payload
MAX_CELLS = 1_000_000  # larger tables are not mutated again
INTEGERS = (-(2**63), 2**63 - 1, -1, 0, 2**31, 2**53)
FLOATS = (float("nan"), float("inf"), float("-inf"), 1.8e308 / 1.1, -1e308, 5e-324, -0.0)
TYPES: tuple[Any, ...] = (
    pa.float32(), pa.int8(), pa.string(), pa.large_string(), pa.binary(), pa.bool_(), pa.null(),
    pa.decimal128(38, 10), pa.list_(pa.float64()), pa.struct([("x", pa.float64())]),
    pa.dictionary(pa.int32(), pa.string()), pa.timestamp("ns"), pa.timestamp("us", "Asia/Tokyo"),
    pa.run_end_encoded(pa.int32(), pa.float64()), pa.string_view(), pa.duration("us"),
    pa.map_(pa.string(), pa.int64()), pa.dense_union([pa.field("x", pa.int8())]),
)  # fmt: skip


def change_values(rng: random.Random, table: pa.Table) -> pa.Table:
    """Set a few cells to null, to infinity or to the limits of their type."""
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


def change_rows(rng: random.Random, table: pa.Table) -> pa.Table:
    """Shuffle, duplicate, reverse or delete rows."""
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


def add_many_rows(rng: random.Random, table: pa.Table) -> pa.Table:
    """Make up to millions of rows, which compress to a few bytes."""
    count = rng.choice((10_000, 200_000, MAX_ROWS))
    timestamps = table.column(0).cast(pa.int64()).to_numpy()
    first = timestamps[0] if len(timestamps) else 0
    step = rng.choice((0, 1, 1_000_000))
    columns = [
        pa.array(np.full(count, rng.choice((0, 1, 7)))).cast(field.type, safe=False)
        for field in table.schema
    ]
    columns[0] = pa.array(np.arange(count) * step + first).view(table.schema.field(0).type)
    return pa.Table.from_arrays(columns, schema=table.schema)


def change_columns(rng: random.Random, table: pa.Table) -> pa.Table:
    """Remove, duplicate, move or rename a column."""
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


def add_many_columns(rng: random.Random, table: pa.Table) -> pa.Table:
    names = [f"c{n}" for n in range(rng.choice((1_000, 10_000)))]
    return pa.Table.from_arrays(
        [table.column(0), *[table.column(1)] * len(names)], names=["timestamp", *names]
    )


def change_type(rng: random.Random, table: pa.Table) -> pa.Table:
    at, kind = rng.randrange(table.num_columns), rng.choice(TYPES)
    if kind == pa.dictionary(pa.int32(), pa.string()):
        words = [rng.choice("abc") for _ in range(table.num_rows)]
        column = pa.array(words, pa.string()).dictionary_encode()
    elif pa.types.is_run_end_encoded(kind):
        # One run: 12 bytes can stand for a billion rows, 8 GB when decoded.
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


def change_metadata(rng: random.Random, table: pa.Table) -> pa.Table:
    """Add metadata to the table or to a column, or make a column non-nullable."""
    metadata = {"x" * rng.choice((1, 2_000_000)): "y" * rng.choice((0, 100))}
    at = rng.randrange(table.num_columns)
    field = table.schema.field(at)
    kind = rng.randrange(3)
    if kind == 0:
        return table.replace_schema_metadata(metadata)
    changed = field.with_metadata(metadata) if kind == 1 else field.with_nullable(False)
    return table.cast(table.schema.set(at, changed)) if not table.column(at).null_count else table


def fill_to_limits(rng: random.Random, fields: Fields) -> Fields:
    """As large as the limit allows; the batch computed from it is also as large as allowed."""
    spec = StatisticsSpec(window_s=1, period_s=1.0)
    column_bytes = 8 * DAY_S  # of one value for each window
    names = [f"v{n}" for n in range((MAX_TABLE_BYTES // column_bytes - 2) // 6)]
    count = MAX_TABLE_BYTES // (8 * (1 + len(names))) - 1_000
    timestamps = int(DAY.timestamp() * 1e6) + np.arange(count) * (DAY_S * 1_000_000 // count)
    values = pa.array(np.full(count, rng.uniform(0, 25)))
    columns = [pa.array(timestamps).view(TIMESTAMP), *[values] * len(names)]
    slice_ = ["", "2025-12-05T00:00:00Z", "2025-12-06T00:00:00Z", count]
    changed = {
        b"slices": orjson.dumps([slice_]),
        b"variables": ",".join(names).encode(), b"spec": spec.model_dump_json().encode(),
    }  # fmt: skip
    table = pa.Table.from_arrays(columns, schema=RawBatch.schema(names, spec))
    return with_table({**fields, **changed}, table)


def _storage(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if kind == TIMESTAMP else kind


def as_entry_mutation(mutation: Any) -> Mutation:
    """The mutation of an entry that changes its table, if the table can be read."""

    def mutate_entry(rng: random.Random, fields: Fields) -> Fields:
        table = read_table(fields)
        mutable = table is not None and table.num_columns > 1 and _is_mutable(table)
        return with_table(fields, mutation(rng, table)) if mutable else fields

    mutate_entry.__name__ = mutation.__name__
    return mutate_entry


def _is_mutable(table: pa.Table) -> bool:
    first, *others = table.schema.types
    numbers = all(kind in (TIMESTAMP, pa.int64(), pa.float64()) for kind in others)
    return first == TIMESTAMP and numbers and table.num_rows * table.num_columns < MAX_CELLS


TABLE_CHANGES = (
    change_values, change_values, change_values, change_rows, change_rows, change_columns,
    change_type, change_metadata, add_many_rows, add_many_columns,
)  # fmt: skip
TABLE_MUTATIONS: tuple[Mutation, ...] = (*map(as_entry_mutation, TABLE_CHANGES), fill_to_limits)
