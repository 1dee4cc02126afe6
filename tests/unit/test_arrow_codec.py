"""Tables as bytes: bounded before anything is unpacked."""

import contextlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shared.domain import arrow_codec
from shared.errors import InvalidInput

SCHEMA = pa.schema([("timestamp", pa.timestamp("us", tz="UTC")), ("power", pa.float64())])
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def table(rows: int = 3) -> pa.Table:
    stamps = pa.array(np.arange(rows)).cast(SCHEMA.field(0).type)
    return pa.Table.from_arrays([stamps, pa.array(np.full(rows, 0.5))], schema=SCHEMA)


def stream(content: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, content.schema, options=pa.ipc.IpcWriteOptions(**options)
    ) as writer:
        writer.write_table(content)
    return bytes(sink.getvalue().to_pybytes())


def messages(plain: bytes) -> list[bytes]:
    """The schema and the record batches of a stream."""
    source, found = pa.BufferReader(plain), []
    with contextlib.suppress(EOFError):
        while True:
            found.append(pa.ipc.read_message(source).serialize().to_pybytes())
    return found


def unpacked(plain: bytes, schema: pa.Schema = SCHEMA) -> pa.Table:
    return arrow_codec.unpack(pa.compress(plain, codec="zstd", asbytes=True), len(plain), schema)


def reason_of(payload: bytes, size: int, schema: pa.Schema = SCHEMA) -> str:
    with pytest.raises(InvalidInput) as rejected:
        arrow_codec.unpack(payload, size, schema)
    return rejected.value.reason


@pytest.mark.parametrize("rows", [0, 1, 1440])
def test_a_table_comes_back_as_it_was(rows: int) -> None:
    assert arrow_codec.unpack(*arrow_codec.pack(table(rows)), SCHEMA) == table(rows)


def test_nulls_and_what_is_no_number_come_back() -> None:
    content = pa.table({"power": pa.array([None, float("inf"), float("-inf"), -0.0])})
    back = arrow_codec.unpack(*arrow_codec.pack(content), content.schema)
    assert str(back.to_pylist()) == str(content.to_pylist())


def test_a_part_of_a_table_is_packed_without_the_rest() -> None:
    _, size = arrow_codec.pack(table(10_000).slice(5_000, 10))
    assert size < 2_000


def test_a_table_too_large_is_not_packed() -> None:
    rows = arrow_codec.MAX_TABLE_BYTES // 16 + 1
    with pytest.raises(InvalidInput, match="are allowed") as rejected:
        arrow_codec.pack(table(rows))
    assert rejected.value.reason == "too_large"


def test_a_payload_too_large_is_refused_before_it_is_read() -> None:
    assert reason_of(bytes(arrow_codec.MAX_PAYLOAD_BYTES + 1), 1) == "too_large"


@pytest.mark.parametrize("size", [0, -1, arrow_codec.MAX_TABLE_BYTES + 1])
def test_a_claimed_size_out_of_bounds_is_refused(size: int) -> None:
    payload, _ = arrow_codec.pack(table())
    assert reason_of(payload, size) == "too_large"


def test_a_decompression_bomb_ends_at_the_size_it_claims() -> None:
    bomb = pa.compress(bytes(400 * 2**20), codec="zstd", asbytes=True)
    assert len(bomb) < 100_000
    pool = pa.proxy_memory_pool(pa.system_memory_pool())
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        assert reason_of(bomb, 2**20) == "arrow"
    finally:
        pa.set_memory_pool(usual)
    assert 2**20 <= pool.max_memory() <= 2 * 2**20


@pytest.mark.parametrize("size", [1, 100])
def test_more_than_the_claimed_size_is_refused(size: int) -> None:
    payload, true_size = arrow_codec.pack(table())
    assert reason_of(payload, true_size - size) == "arrow"


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_buffers_compressed_inside_are_refused(codec: str) -> None:
    with pytest.raises(InvalidInput, match="buffers are compressed") as rejected:
        unpacked(stream(table(10_000), compression=codec))
    assert rejected.value.reason == "arrow"


def test_a_later_record_batch_with_compressed_buffers_is_refused_too() -> None:
    schema, plain = messages(stream(table(2)))
    _, packed = messages(stream(table(10_000), compression="zstd"))
    with pytest.raises(InvalidInput, match="buffers are compressed"):
        unpacked(schema + plain + packed + END_OF_STREAM)


def test_a_version_that_could_hide_compressed_buffers_is_refused() -> None:
    old = stream(table(), metadata_version=pa.ipc.MetadataVersion.V4)
    with pytest.raises(InvalidInput, match="old version") as rejected:
        unpacked(old)
    assert rejected.value.reason == "arrow"


def test_a_dictionary_is_refused_before_it_is_unpacked() -> None:
    words = pa.table({"word": pa.array(["a", "b", "a"]).dictionary_encode()})
    with pytest.raises(InvalidInput, match="a dictionary is not allowed") as rejected:
        unpacked(stream(words), words.schema)
    assert rejected.value.reason == "arrow"


def test_too_many_record_batches_are_refused() -> None:
    schema, batch = messages(stream(table(1)))
    many = schema + (arrow_codec.MAX_BATCHES + 1) * batch + END_OF_STREAM
    with pytest.raises(InvalidInput, match="record batches") as rejected:
        unpacked(many)
    assert rejected.value.reason == "arrow"


def test_as_many_batches_as_allowed_are_read() -> None:
    schema, batch = messages(stream(table(1)))
    read = unpacked(schema + (arrow_codec.MAX_BATCHES - 1) * batch + END_OF_STREAM)
    assert read.num_rows == arrow_codec.MAX_BATCHES - 1


def test_a_table_in_many_pieces_is_packed_as_one_that_can_be_read() -> None:
    pieces = pa.concat_tables([table(1)] * (2 * arrow_codec.MAX_BATCHES))
    assert (
        arrow_codec.unpack(*arrow_codec.pack(pieces), SCHEMA).num_rows
        == 2 * arrow_codec.MAX_BATCHES
    )


def test_ten_thousand_columns_are_refused_with_a_short_answer() -> None:
    wide = pa.schema([(f"column_{n}", pa.float64()) for n in range(10_000)])
    with pytest.raises(InvalidInput) as rejected:
        unpacked(stream(wide.empty_table()))
    assert rejected.value.reason in ("schema", "arrow")
    assert len(str(rejected.value)) < 1_000


def test_too_much_metadata_is_refused() -> None:
    padded = SCHEMA.with_metadata({"padding": "x" * arrow_codec.MAX_METADATA_BYTES})
    with pytest.raises(InvalidInput, match="too large") as rejected:
        unpacked(stream(padded.empty_table()))
    assert rejected.value.reason == "arrow"


@pytest.mark.parametrize(
    "schema",
    [
        pa.schema([SCHEMA.field(1), SCHEMA.field(0)]),
        pa.schema([SCHEMA.field(0)]),
        pa.schema([SCHEMA.field(0), ("power", pa.float32())]),
        pa.schema([("timestamp", pa.timestamp("us")), SCHEMA.field(1)]),
        pa.schema([SCHEMA.field(0), ("wind_speed", pa.float64())]),
    ],
    ids=["order", "missing", "type", "zone", "name"],
)
def test_other_columns_are_refused(schema: pa.Schema) -> None:
    assert reason_of(*arrow_codec.pack(table()), schema) == "schema"


@pytest.mark.parametrize("cut", [1, 9, 100, 400])
def test_a_stream_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(InvalidInput) as rejected:
        unpacked(stream(table())[:-cut])
    assert rejected.value.reason == "arrow"


@pytest.mark.parametrize("plain", [b"\0", b"not an Arrow stream", bytes(1000)])
def test_a_payload_that_is_not_arrow_is_refused(plain: bytes) -> None:
    with pytest.raises(InvalidInput) as rejected:
        unpacked(plain)
    assert rejected.value.reason == "arrow"


def test_what_is_not_compressed_is_refused() -> None:
    plain = stream(table())
    assert reason_of(plain, len(plain)) == "arrow"


def test_offsets_that_point_outside_are_refused() -> None:
    text = pa.table({"name": pa.array(["a", "bb", "ccc"])})
    offsets = np.array([0, 1, 3, 6], np.int32).tobytes()
    assert offsets in stream(text)
    wild = np.array([0, 2**30, 3, 6], np.int32).tobytes()
    with pytest.raises(InvalidInput) as rejected:
        unpacked(stream(text).replace(offsets, wild), text.schema)
    assert rejected.value.reason == "arrow"
