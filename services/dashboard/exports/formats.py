"""Tables as they are sent: CSV, JSON, Arrow and Parquet, each part as soon as it is there."""

import io
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from shared.http import content_negotiation, table_encoding
from shared.http.content_negotiation import ARROW, CSV, JSON, PARQUET

JSON_ROWS_AT_ONCE = 5_000

Tables = Generator[pa.Table, None, None]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A way to write tables of one schema one after another."""

    name: str
    media_type: str
    write: Callable[[pa.Schema, Iterator[pa.Table]], Iterator[bytes]]


class Sink(io.RawIOBase):
    """Keeps what a writer writes until it is taken."""

    def __init__(self) -> None:
        self._written, self._at = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(memoryview(data))  # type: ignore[arg-type]
        self._written += piece
        self._at += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


def csv(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """A header, and a line for each row."""
    yield table_encoding.as_csv(schema.empty_table())
    for table in tables:
        yield table_encoding.as_csv(table, header=False)


def json(_: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """`{"data": [row, …]}`."""
    before = b'{"data":['
    for table in tables:
        for batch in table.to_batches(max_chunksize=JSON_ROWS_AT_ONCE):
            if batch.num_rows:
                yield before + table_encoding.json_rows(batch)
                before = b","
    yield b"]}" if before == b"," else before + b"]}"


def arrow(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """An Arrow IPC stream; a record batch for each part."""
    sink = Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for table in tables:
            writer.write_table(table)
            yield sink.take()
    yield sink.take()


def parquet(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """A Parquet file; a row group for each part."""
    sink = Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
            yield sink.take()
    yield sink.take()


FORMATS = {
    form.name: form
    for form in (
        ExportFormat("json", JSON, json),
        ExportFormat("csv", CSV, csv),
        ExportFormat("arrow", ARROW, arrow),
        ExportFormat("parquet", PARQUET, parquet),
    )
}


def negotiate_format(name: str | None, accept: str | None) -> ExportFormat:
    """The form of this name, else the one that is wanted most; 406 if none is."""
    if name:
        return FORMATS[name]
    wanted = content_negotiation.negotiate(accept, [each.media_type for each in FORMATS.values()])
    return next(each for each in FORMATS.values() if each.media_type == wanted)
