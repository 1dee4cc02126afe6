"""Mutations of a payload: of its bytes, of its Arrow stream, and of the table in that stream.

The mutated entries have a correct checksum and size; otherwise a stage would refuse them early.
"""

import random
import struct
from typing import Any

import orjson
import pyarrow as pa

from shared.domain.arrow_codec import MAX_TABLE_BYTES
from tests.fuzz.header_mutations import Mutation, flip_bytes
from tests.fuzz.valid_entries import Fields, slices_of, with_checksum

CODECS = ("gzip", "brotli", "lz4", "snappy")
LENGTHS = (
    0,
    1,
    -1,
    7,
    8,
    2**16,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32,
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
)
MAX_COLUMNS = 100  # of a table that is written in many record batches
SIZES = (b"0", b"1", b"-1", b"67108864", b"67108865", b"9" * 18, b"1e6", b"", b" 8")
SKIPPABLE = struct.pack("<II", 0x184D2A50, 8) + bytes(8)
IPC_OPTIONS: tuple[dict[str, Any], ...] = (
    {"compression": "zstd"}, {"compression": "lz4"}, {"use_legacy_format": True},
    {"metadata_version": pa.ipc.MetadataVersion.V4}, {"emit_dictionary_deltas": True},
    {"unify_dictionaries": True}, {"allow_64bit": True},
)  # fmt: skip


def decompress(fields: Fields) -> bytes | None:
    """The Arrow stream of an entry; None if an earlier mutation made it unreadable."""
    try:
        size = int(fields[b"size"])
        if not 0 < size <= MAX_TABLE_BYTES:
            return None
        stream: bytes = pa.decompress(fields[b"payload"], size, codec="zstd", asbytes=True)
    except (KeyError, ValueError, OSError):
        return None
    return stream


def read_table(fields: Fields) -> pa.Table | None:
    try:
        with pa.ipc.open_stream(decompress(fields) or b"") as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        return None
    return table


def compress(fields: Fields, stream: bytes) -> Fields:
    payload = pa.compress(stream, codec="zstd", asbytes=True)
    return with_checksum({**fields, b"payload": payload, b"size": b"%d" % len(stream)})


def with_table(fields: Fields, table: pa.Table, **options: Any) -> Fields:
    """The entry with another table, and numbers of samples that add up to its rows."""
    chunk = options.pop("max_chunksize", None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, chunk)
    return compress(_with_rows(fields, table.num_rows), sink.getvalue().to_pybytes())


def _with_rows(fields: Fields, rows: int) -> Fields:
    if not (slices := slices_of(fields)):
        return {**fields, b"rows": b"%d" % rows}
    left = rows
    for item in slices:
        item[3] = min(item[3], left)
        left -= item[3]
    slices[-1][3] += left
    return {**fields, b"slices": orjson.dumps(slices)}


# -- the bytes


def truncate_payload(rng: random.Random, fields: Fields) -> Fields:
    payload = fields.get(b"payload", b"")
    return with_checksum({**fields, b"payload": payload[: rng.randrange(len(payload) + 1)]})


def flip_payload(rng: random.Random, fields: Fields) -> Fields:
    return with_checksum({**fields, b"payload": flip_bytes(rng, fields.get(b"payload", b""))})


def pad_payload(rng: random.Random, fields: Fields) -> Fields:
    """Add bytes before or after the frame, or repeat the frame."""
    payload = fields.get(b"payload", b"")
    extra = rng.choice((b"\0", SKIPPABLE, payload, rng.randbytes(20)))
    pieces = [payload, extra]
    rng.shuffle(pieces)
    return with_checksum({**fields, b"payload": b"".join(pieces)})


def change_size(rng: random.Random, fields: Fields) -> Fields:
    return with_checksum({**fields, b"size": rng.choice(SIZES)})


def change_compression(rng: random.Random, fields: Fields) -> Fields:
    stream = decompress(fields) or b""
    payload = rng.choice(
        (stream, *(pa.compress(stream, codec=codec, asbytes=True) for codec in CODECS),
         pa.compress(fields.get(b"payload", b""), codec="zstd", asbytes=True))
    )  # fmt: skip
    return with_checksum({**fields, b"payload": payload})


def decompression_bomb(rng: random.Random, fields: Fields) -> Fields:
    """A few kilobytes that decompress to megabytes; the field `size` is right or wrong."""
    size = rng.choice((2**20, MAX_TABLE_BYTES, MAX_TABLE_BYTES + 1, 4 * MAX_TABLE_BYTES))
    payload = pa.compress(bytes(size), codec="zstd", asbytes=True)
    stated = rng.choice((size, min(size, MAX_TABLE_BYTES), 1_000))
    return with_checksum({**fields, b"payload": payload, b"size": b"%d" % stated})


# -- the Arrow stream


def flip_stream(rng: random.Random, fields: Fields) -> Fields:
    return compress(fields, flip_bytes(rng, decompress(fields) or b""))


def cut_stream(rng: random.Random, fields: Fields) -> Fields:
    stream = decompress(fields) or b""
    start, end = sorted(rng.randrange(len(stream) + 1) for _ in range(2))
    return compress(
        fields, rng.choice((stream[:end], stream[:start] + stream[end:], stream[start:]))
    )


def repeat_stream_part(rng: random.Random, fields: Fields) -> Fields:
    """Repeat a part of the stream, from once to thousands of times."""
    stream = decompress(fields) or b"\0"
    start = rng.randrange(len(stream)) // 8 * 8
    end = min(len(stream), start + rng.choice((8, 64, 512, 4_096)))
    times = rng.choice((1, 2, 100, 2_000))
    return compress(fields, stream[:end] + stream[start:end] * times + stream[end:])


def forge_lengths(rng: random.Random, fields: Fields) -> Fields:
    """Change offsets and lengths, mostly in the metadata of the stream."""
    stream = bytearray(decompress(fields) or bytes(8))
    for _ in range(rng.randint(1, 3)):
        width, form = rng.choice(((8, "<q"), (4, "<i"), (2, "<h")))
        length = rng.choice(LENGTHS) & (2 ** (8 * width - 1) - 1)
        at = rng.randrange(min(len(stream), 2_000)) // width * width
        stream[at : at + width] = struct.pack(form, length if rng.random() < 0.7 else -length)
    return compress(fields, bytes(stream))


def change_stream_format(rng: random.Random, fields: Fields) -> Fields:
    """Write the table with other IPC options, in many record batches, or as an Arrow file."""
    table = read_table(fields)
    if table is None or table.num_columns > MAX_COLUMNS:
        return fields
    if rng.random() < 0.2:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return compress(fields, sink.getvalue().to_pybytes())
    batches = rng.choice((1, 1, 3, 1_500))
    chunk = max(1, table.num_rows // batches)
    return with_table(fields, table, **rng.choice(IPC_OPTIONS), max_chunksize=chunk)


PAYLOAD_MUTATIONS: tuple[Mutation, ...] = (
    truncate_payload, flip_payload, pad_payload, change_size, change_compression,
    decompression_bomb,
)  # fmt: skip
STREAM_MUTATIONS: tuple[Mutation, ...] = (
    flip_stream, flip_stream, cut_stream, repeat_stream_part, forge_lengths, forge_lengths,
    forge_lengths, change_stream_format,
)  # fmt: skip
