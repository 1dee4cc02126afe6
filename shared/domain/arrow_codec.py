"""Tables as bytes: an Arrow IPC stream, in messages compressed as a whole with zstd.

Compressing the whole stream, not its buffers, lets the receiver fix the size it is ready to unpack
before it unpacks anything: a decompression bomb ends at that size. The connector sends the stream
as it is.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from shared.errors import InvalidInput

MAX_PAYLOAD_BYTES = 16 * 2**20
# More than twice the size of a slice. An aggregator holds eight messages and computes one of them
# at a time: with eight messages of this size it took 470 MB.
MAX_TABLE_BYTES = 32 * 2**20
# Each message of an Arrow stream, and each column in its schema, takes more memory than its bytes.
MAX_BATCHES = 1_024
MAX_METADATA_BYTES = 2**20
NAMES_CHARS = 200
_CODEC = "zstd"


class Unbounded(InvalidInput):
    """An Arrow stream that could take far more memory than its bytes."""

    def __init__(self, problem: str) -> None:
        super().__init__("arrow", f"an Arrow stream that could take too much memory: {problem}")


def pack(table: pa.Table) -> tuple[bytes, int]:
    """Return the compressed bytes and their uncompressed size."""
    if any(column.num_chunks > MAX_BATCHES for column in table.columns):
        table = table.combine_chunks()
    plain = ipc_stream(table)
    if len(plain) > MAX_TABLE_BYTES:
        raise _too_large(len(plain), MAX_TABLE_BYTES)
    payload: bytes = pa.compress(plain, codec=_CODEC, asbytes=True)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _too_large(len(payload), MAX_PAYLOAD_BYTES)
    return payload, len(plain)


class _Pieces(io.RawIOBase):
    """A file that keeps what is written: of a table its own buffers, without a copy."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.pieces.append(piece)
        return len(piece)


def ipc_stream(table: pa.Table) -> bytes:
    """The table as an Arrow IPC stream; the only copy in memory is the result."""
    sink = _Pieces()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return b"".join(sink.pieces)


def _too_large(size: int, allowed: int) -> InvalidInput:
    return InvalidInput("too_large", f"{size} bytes; {allowed} are allowed")


def unpack(payload: bytes, size: int, schema: pa.Schema) -> pa.Table:
    """Return the validated table; raises `InvalidInput` if it is not exactly of this schema."""
    if len(payload) > MAX_PAYLOAD_BYTES or not 0 < size <= MAX_TABLE_BYTES:
        raise InvalidInput(
            "too_large",
            f"payload of {len(payload)} bytes for {size}; "
            f"{MAX_PAYLOAD_BYTES} for {MAX_TABLE_BYTES} are allowed",
        )

    def require_schema(of_stream: pa.Schema) -> None:
        if of_stream != schema:
            raise InvalidInput("schema", f"columns {_names(of_stream)}: {_names(schema)} expected")

    try:
        return read_stream(
            pa.decompress(payload, decompressed_size=size, codec=_CODEC), require_schema
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput("arrow", f"the payload is not a valid Arrow stream: {error}") from None


def read_stream(plain: Any, require_schema: Callable[[pa.Schema], None]) -> pa.Table:
    """The validated table of an Arrow IPC stream (bytes or a buffer), which takes no more memory
    than the stream. `require_schema` raises an error for other columns. Raises `Unbounded` for a
    stream that could take more memory, and pyarrow's errors for what is not a valid stream.
    """
    _require_bounded(pa.py_buffer(plain))
    with pa.ipc.open_stream(plain) as reader:
        require_schema(reader.schema)
        table = reader.read_all()
    table.validate(full=True)
    return table


def _names(schema: pa.Schema) -> str:
    """The names of the first columns. A malicious schema can have thousands."""
    text = ", ".join(schema.names)
    return text if len(text) <= NAMES_CHARS else f"{text[:NAMES_CHARS]}… ({len(schema)} of them)"


def _require_bounded(plain: pa.Buffer) -> None:
    """Refuse a stream that takes far more memory than its bytes: dictionaries, compressed buffers
    of any uncompressed size, too much metadata, too many record batches.
    """
    stream = pa.BufferReader(plain)
    for number in range(MAX_BATCHES + 1):
        try:
            message = pa.ipc.read_message(stream)
        except EOFError:
            return
        for is_valid, problem in _checks(message, first=number == 0):
            if not is_valid:
                raise Unbounded(f"message {number}: {problem}")
    raise Unbounded(f"it has more than {MAX_BATCHES} record batches")


def _checks(message: pa.Message, *, first: bool) -> Iterator[tuple[bool, str]]:
    """Lazily, because a later check is valid only if the earlier ones have passed."""
    yield message.metadata.size <= MAX_METADATA_BYTES, "its metadata is too large"
    # Before version 5, the free-form metadata of a message could declare compression.
    yield message.metadata_version == pa.ipc.MetadataVersion.V5, "it has an old version"
    if not first:
        yield message.type == "record batch", f"a {message.type} is not allowed there"
        compressed = _is_compressed(message.metadata.to_pybytes())
        yield not compressed, "its buffers are compressed"


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
