"""What can be done to a payload: to its bytes, to the Arrow stream in it, and to the table in that.

All of them come with a checksum and a size that agree, so that what reads them is reached.
"""

import random
import struct
from typing import Any

import pyarrow as pa

from shared.domain.arrow_codec import MAX_TABLE_BYTES
from tests.fuzz.header_mutations import Mutation, flipped_bytes
from tests.fuzz.valid_entries import Fields, signed

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
MAX_COLUMNS = 100  # of a table that is written in many batches
SIZES = (b"0", b"1", b"-1", b"67108864", b"67108865", b"9" * 18, b"1e6", b"", b" 8")
SKIPPABLE = struct.pack("<II", 0x184D2A50, 8) + bytes(8)
OPTIONS: tuple[dict[str, Any], ...] = (
    {"compression": "zstd"}, {"compression": "lz4"}, {"use_legacy_format": True},
    {"metadata_version": pa.ipc.MetadataVersion.V4}, {"emit_dictionary_deltas": True},
    {"unify_dictionaries": True}, {"allow_64bit": True},
)  # fmt: skip


def plain(fields: Fields) -> bytes | None:
    """The Arrow stream of an entry; None if an earlier mutation left none."""
    try:
        size = int(fields[b"size"])
        if not 0 < size <= MAX_TABLE_BYTES:
            return None
        found: bytes = pa.decompress(fields[b"payload"], size, codec="zstd", asbytes=True)
    except (KeyError, ValueError, OSError):
        return None
    return found


def table_of(fields: Fields) -> pa.Table | None:
    try:
        with pa.ipc.open_stream(plain(fields) or b"") as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        return None
    return table


def packed(fields: Fields, stream: bytes) -> Fields:
    payload = pa.compress(stream, codec="zstd", asbytes=True)
    return signed({**fields, b"payload": payload, b"size": b"%d" % len(stream)})


def holding(fields: Fields, table: pa.Table, **options: Any) -> Fields:
    """The entry with another table in it, of as many rows as it says."""
    chunk = options.pop("max_chunksize", None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, chunk)
    return packed({**fields, b"rows": b"%d" % table.num_rows}, sink.getvalue().to_pybytes())


# -- the bytes


def cut_short(rng: random.Random, fields: Fields) -> Fields:
    payload = fields.get(b"payload", b"")
    return signed({**fields, b"payload": payload[: rng.randrange(len(payload) + 1)]})


def flipped_within(rng: random.Random, fields: Fields) -> Fields:
    return signed({**fields, b"payload": flipped_bytes(rng, fields.get(b"payload", b""))})


def padded(rng: random.Random, fields: Fields) -> Fields:
    """Bytes before or behind, or the frame twice."""
    payload = fields.get(b"payload", b"")
    more = rng.choice((b"\0", SKIPPABLE, payload, rng.randbytes(20)))
    parts = [payload, more]
    rng.shuffle(parts)
    return signed({**fields, b"payload": b"".join(parts)})


def of_another_size(rng: random.Random, fields: Fields) -> Fields:
    return signed({**fields, b"size": rng.choice(SIZES)})


def compressed_otherwise(rng: random.Random, fields: Fields) -> Fields:
    stream = plain(fields) or b""
    payload = rng.choice(
        (stream, *(pa.compress(stream, codec=codec, asbytes=True) for codec in CODECS),
         pa.compress(fields.get(b"payload", b""), codec="zstd", asbytes=True))
    )  # fmt: skip
    return signed({**fields, b"payload": payload})


def bomb(rng: random.Random, fields: Fields) -> Fields:
    """A few kilobytes that are megabytes, and say so or lie."""
    size = rng.choice((2**20, MAX_TABLE_BYTES, MAX_TABLE_BYTES + 1, 4 * MAX_TABLE_BYTES))
    payload = pa.compress(bytes(size), codec="zstd", asbytes=True)
    said = rng.choice((size, min(size, MAX_TABLE_BYTES), 1_000))
    return signed({**fields, b"payload": payload, b"size": b"%d" % said})


# -- the Arrow stream


def stream_flipped(rng: random.Random, fields: Fields) -> Fields:
    return packed(fields, flipped_bytes(rng, plain(fields) or b""))


def stream_cut(rng: random.Random, fields: Fields) -> Fields:
    stream = plain(fields) or b""
    start, end = sorted(rng.randrange(len(stream) + 1) for _ in range(2))
    return packed(fields, rng.choice((stream[:end], stream[:start] + stream[end:], stream[start:])))


def stream_repeated(rng: random.Random, fields: Fields) -> Fields:
    """A piece of it comes again, from twice to thousands of times."""
    stream = plain(fields) or b"\0"
    start = rng.randrange(len(stream)) // 8 * 8
    end = min(len(stream), start + rng.choice((8, 64, 512, 4_096)))
    times = rng.choice((1, 2, 100, 2_000))
    return packed(fields, stream[:end] + stream[start:end] * times + stream[end:])


def lengths_forged(rng: random.Random, fields: Fields) -> Fields:
    """Offsets and lengths say something else, in the metadata rather than in the values."""
    stream = bytearray(plain(fields) or bytes(8))
    for _ in range(rng.randint(1, 3)):
        width, form = rng.choice(((8, "<q"), (4, "<i"), (2, "<h")))
        length = rng.choice(LENGTHS) & (2 ** (8 * width - 1) - 1)
        at = rng.randrange(min(len(stream), 2_000)) // width * width
        stream[at : at + width] = struct.pack(form, length if rng.random() < 0.7 else -length)
    return packed(fields, bytes(stream))


def written_otherwise(rng: random.Random, fields: Fields) -> Fields:
    """Compressed a second time, of another version, in very many batches, or as a file."""
    table = table_of(fields)
    if table is None or table.num_columns > MAX_COLUMNS:
        return fields
    if rng.random() < 0.2:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return packed(fields, sink.getvalue().to_pybytes())
    batches = rng.choice((1, 1, 3, 1_500))
    chunk = max(1, table.num_rows // batches)
    return holding(fields, table, **rng.choice(OPTIONS), max_chunksize=chunk)


BYTES: tuple[Mutation, ...] = (
    cut_short, flipped_within, padded, of_another_size, compressed_otherwise, bomb,
)  # fmt: skip
STREAMS: tuple[Mutation, ...] = (
    stream_flipped, stream_flipped, stream_cut, stream_repeated, lengths_forged, lengths_forged,
    lengths_forged, written_otherwise,
)  # fmt: skip
