"""Tables as bytes: an Arrow IPC stream, compressed as a whole with zstd.

Compressing the whole stream, not its buffers, lets the receiver fix the size it is ready to unpack
before it unpacks anything: a decompression bomb ends at that size.
"""

from collections.abc import Iterator

import pyarrow as pa

from shared.errors import InvalidInput

MAX_PAYLOAD_BYTES = 16 * 2**20
# More than twice what a slice has. An aggregator has eight messages in hand and computes one of
# them: with eight as large as this it took 470 MB.
MAX_TABLE_BYTES = 32 * 2**20
# Each message of a stream, and each column that one describes, takes more memory than bytes.
MAX_BATCHES = 1_024
MAX_METADATA_BYTES = 2**20
NAMES_CHARS = 200
_CODEC = "zstd"


def pack(table: pa.Table) -> tuple[bytes, int]:
    """Return the compressed bytes and the size they unpack to."""
    if any(column.num_chunks > MAX_BATCHES for column in table.columns):
        table = table.combine_chunks()
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


def _too_large(size: int, allowed: int) -> InvalidInput:
    return InvalidInput(
        "too_large", f"{size} bytes; {allowed} are allowed: lower MINUANO_MAX_SLICE_ROWS"
    )


def unpack(payload: bytes, size: int, schema: pa.Schema) -> pa.Table:
    """Return the table of exactly this schema, fully validated; anything else is `Rejected`."""
    if len(payload) > MAX_PAYLOAD_BYTES or not 0 < size <= MAX_TABLE_BYTES:
        raise InvalidInput(
            "too_large",
            f"payload of {len(payload)} bytes for {size}; "
            f"{MAX_PAYLOAD_BYTES} for {MAX_TABLE_BYTES} are allowed",
        )
    try:
        plain = pa.decompress(payload, decompressed_size=size, codec=_CODEC)
        _require_bounded(plain)
        with pa.ipc.open_stream(plain) as reader:
            if reader.schema != schema:
                raise InvalidInput(
                    "schema", f"columns {_names(reader.schema)}: {_names(schema)} expected"
                )
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput("arrow", f"the payload is no valid Arrow stream: {error}") from None
    return table


def _names(schema: pa.Schema) -> str:
    """The first of the columns' names: a hostile schema has thousands."""
    text = ", ".join(schema.names)
    return text if len(text) <= NAMES_CHARS else f"{text[:NAMES_CHARS]}… ({len(schema)} of them)"


def _require_bounded(plain: pa.Buffer) -> None:
    """Refuse what would take more memory than its bytes: dictionaries, compressed buffers, which
    unpack to a size that nobody has bounded, and metadata or batches without number.
    """
    stream = pa.BufferReader(plain)
    for number in range(MAX_BATCHES + 1):
        try:
            message = pa.ipc.read_message(stream)
        except EOFError:
            return
        for holds, else_ in _checks(message, first=number == 0):
            if not holds:
                raise InvalidInput("arrow", f"message {number} of the payload: {else_}")
    raise InvalidInput("arrow", f"the payload has more than {MAX_BATCHES} record batches")


def _checks(message: pa.Message, *, first: bool) -> Iterator[tuple[bool, str]]:
    """One after another, for the later ones need the earlier."""
    yield message.metadata.size <= MAX_METADATA_BYTES, "its metadata is too large"
    # Before version 5, compression could be hidden in a message's free-form metadata.
    yield message.metadata_version == pa.ipc.MetadataVersion.V5, "it is of an old version"
    if not first:
        yield message.type == "record batch", f"a {message.type} has no place there"
        compressed = _is_compressed(message.metadata.to_pybytes())
        yield not compressed, "its buffers are compressed a second time"


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
