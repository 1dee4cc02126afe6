"""Tables as bytes: an Arrow IPC stream, compressed as a whole with zstd.

Compressing the whole stream, not its buffers, lets the receiver fix the size it is ready to unpack
before it unpacks anything: a decompression bomb ends at that size.
"""

import pyarrow as pa

from shared.errors import Rejected

MAX_PAYLOAD_BYTES = 16 * 2**20
MAX_TABLE_BYTES = 64 * 2**20
_CODEC = "zstd"


def pack(table: pa.Table) -> tuple[bytes, int]:
    """Return the compressed bytes and the size they unpack to."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    plain = sink.getvalue()
    if plain.size > MAX_TABLE_BYTES:
        raise _too_large(plain.size, MAX_TABLE_BYTES)
    payload: bytes = pa.compress(plain, codec=_CODEC, asbytes=True)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _too_large(len(payload), MAX_PAYLOAD_BYTES)
    return payload, plain.size


def _too_large(size: int, allowed: int) -> Rejected:
    return Rejected("too_large", f"{size} bytes; {allowed} are allowed: lower MINUANO_SLICE_ROWS")


def unpack(payload: bytes, size: int, schema: pa.Schema) -> pa.Table:
    """Return the table of exactly this schema, fully validated; anything else is `Rejected`."""
    if len(payload) > MAX_PAYLOAD_BYTES or not 0 < size <= MAX_TABLE_BYTES:
        raise Rejected(
            "too_large",
            f"payload of {len(payload)} bytes for {size}; "
            f"{MAX_PAYLOAD_BYTES} for {MAX_TABLE_BYTES} are allowed",
        )
    try:
        plain = pa.decompress(payload, decompressed_size=size, codec=_CODEC)
        with pa.ipc.open_stream(_refuse_nested_compression(plain)) as reader:
            if reader.schema != schema:
                raise Rejected("schema", f"columns {reader.schema.names}; {schema.names} expected")
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Rejected("arrow", f"the payload is no valid Arrow stream: {error}") from None
    return table


def _refuse_nested_compression(plain: pa.Buffer) -> pa.Buffer:
    """Compressed buffers inside would unpack to a size that nobody has bounded."""
    stream = pa.BufferReader(plain)
    while True:
        try:
            message = pa.ipc.read_message(stream)
        except EOFError:
            return plain
        if message.type == "record batch" and _is_compressed(message.metadata.to_pybytes()):
            raise Rejected("arrow", "the payload's buffers are compressed a second time")


def _is_compressed(metadata: bytes) -> bool:
    """Whether the RecordBatch has its `compression` field set (Arrow's Message.fbs: `header` is
    slot 2 of Message, `compression` slot 3 of RecordBatch; flatbuffers' table layout).
    """

    def field(table: int, slot: int) -> int:
        vtable = table - int.from_bytes(metadata[table : table + 4], "little", signed=True)
        length = int.from_bytes(metadata[vtable : vtable + 2], "little")
        at = 4 + 2 * slot
        if at + 2 > length:
            return 0
        offset = int.from_bytes(metadata[vtable + at : vtable + at + 2], "little")
        return table + offset if offset else 0

    def follow(at: int) -> int:
        return at + int.from_bytes(metadata[at : at + 4], "little")

    header = field(follow(0), 2)
    return bool(header and field(follow(header), 3))
