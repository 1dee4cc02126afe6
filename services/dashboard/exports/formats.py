"""The file formats of an export: CSV, JSON, Arrow and Parquet, written table by table."""

import io
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from shared.http import content_negotiation, table_encoding
from shared.http.content_negotiation import ARROW, CSV, JSON, PARQUET

JSON_BATCH_ROWS = 5_000

Tables = Generator[pa.Table, None, None]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format, and the function that writes consecutive tables of one schema in it."""

    name: str
    media_type: str
    write: Callable[[pa.Schema, Iterator[pa.Table]], Iterator[bytes]]


class Sink(io.BytesIO):
    """A file whose written bytes can be taken; its position still counts them."""

    taken = 0

    def tell(self) -> int:
        return self.taken + super().tell()

    def take(self) -> bytes:
        """The bytes written since the last call."""
        written = self.getvalue()
        self.taken += len(written)
        self.seek(0)
        self.truncate()
        return written


def csv(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """A header, and a line for each row."""
    yield table_encoding.as_csv(schema.empty_table())
    for table in tables:
        yield table_encoding.as_csv(table, header=False)


def json(_: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """`{"data": [row, …]}`."""
    before = b'{"data":['
    for table in tables:
        for batch in table.to_batches(max_chunksize=JSON_BATCH_ROWS):
            if batch.num_rows:
                yield before + table_encoding.json_rows(batch)
                before = b","
    yield b"]}" if before == b"," else before + b"]}"


def arrow(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """An Arrow IPC stream with a record batch for each table."""
    sink = Sink()
    return _binary(sink, pa.ipc.new_stream(sink, schema), tables)


def parquet(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """A Parquet file with a row group for each table."""
    sink = Sink()
    return _binary(sink, pq.ParquetWriter(sink, schema, compression="zstd"), tables)


def _binary(
    sink: Sink,
    writer: pa.ipc.RecordBatchStreamWriter | pq.ParquetWriter,
    tables: Iterator[pa.Table],
) -> Iterator[bytes]:
    with writer:
        for table in tables:
            writer.write_table(table)
            yield sink.take()
    yield sink.take()


FORMATS = {
    export_format.name: export_format
    for export_format in (
        ExportFormat("json", JSON, json),
        ExportFormat("csv", CSV, csv),
        ExportFormat("arrow", ARROW, arrow),
        ExportFormat("parquet", PARQUET, parquet),
    )
}
_BY_MEDIA_TYPE = {export_format.media_type: export_format for export_format in FORMATS.values()}


def negotiate_format(name: str | None, accept: str | None) -> ExportFormat:
    """The format of this name, else the one that `Accept` prefers; 406 if it accepts none."""
    if name:
        return FORMATS[name]
    return _BY_MEDIA_TYPE[content_negotiation.negotiate(accept, list(_BY_MEDIA_TYPE))]
