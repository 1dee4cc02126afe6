"""The file formats of an export: CSV, JSON, Arrow and Parquet, written table by table."""

import io
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from shared.http import content_negotiation, spreadsheet_cells, table_encoding
from shared.http.content_negotiation import ARROW, CSV, JSON, PARQUET

JSON_BATCH_ROWS = 5_000

FormatName = Literal["json", "csv", "arrow", "parquet"]
MEDIA_TYPES: dict[FormatName, str] = {"json": JSON, "csv": CSV, "arrow": ARROW, "parquet": PARQUET}
Tables = Generator[pa.Table, None, None]
Writer = Callable[[pa.Schema, Iterator[pa.Table]], Iterator[bytes]]


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


def spreadsheet_csv(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """The same, with a quote before each text that a spreadsheet would run as a formula."""
    empty = spreadsheet_cells.quote_formulas(schema.empty_table())
    return csv(empty.schema, map(spreadsheet_cells.quote_formulas, tables))


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
    return _binary(partial(pa.ipc.new_stream, schema=schema), tables)


def parquet(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """A Parquet file with a row group for each table."""
    return _binary(partial(pq.ParquetWriter, schema=schema, compression="zstd"), tables)


def _binary(open_writer: Callable[[Sink], Any], tables: Iterator[pa.Table]) -> Iterator[bytes]:
    sink = Sink()
    with open_writer(sink) as writer:
        for table in tables:
            writer.write_table(table)
            yield sink.take()
    yield sink.take()


WRITERS: Mapping[FormatName, Writer] = {
    "json": json,
    "csv": csv,
    "arrow": arrow,
    "parquet": parquet,
}
"""The function that writes consecutive tables of one schema in a format."""


def choose_writer(name: FormatName, *, spreadsheet: bool) -> Writer:
    """The writer of this format; `spreadsheet` is only for CSV, else `InvalidParameter`."""
    spreadsheet_cells.require_csv(is_asked=spreadsheet, media_type=MEDIA_TYPES[name])
    return spreadsheet_csv if spreadsheet else WRITERS[name]


def negotiate_format(name: FormatName | None, accept: str | None) -> FormatName:
    """The format of this name, else the one that `Accept` prefers; 406 if it accepts none."""
    names = {media_type: format_name for format_name, media_type in MEDIA_TYPES.items()}
    return name or names[content_negotiation.negotiate(accept, list(names))]
