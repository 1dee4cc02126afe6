"""Exports as streaming responses, a bounded number of them at once."""

import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import closing
from itertools import chain, islice
from typing import Any

import pyarrow as pa
from anyio import CancelScope
from fastapi.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from services.dashboard.exports.formats import (
    MEDIA_TYPES,
    FormatName,
    Tables,
    Writer,
    choose_writer,
)
from shared.errors import Unavailable
from shared.http import problem_details
from shared.http.content_negotiation import ARROW, CSV, PARQUET

MAX_EXPORTS = 4
"""Each export holds one connection to the target."""
EXPORT_TIMEOUT_S = 900.0
"""A limit, because the target keeps old rows as long as an export reads them."""

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_HEADERS = {"Content-Disposition": "A file name", "Vary": "`Accept`"}

_slots = threading.BoundedSemaphore(MAX_EXPORTS)


def openapi_responses(json_model: type[Any]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of an export; `json_model` is its JSON."""
    return {
        200: {
            "model": json_model,
            "description": "In the format of `format`, else of `Accept`",
            "content": {CSV: {"schema": {"type": "string"}}, ARROW: _BINARY, PARQUET: _BINARY},
            "headers": problem_details.headers(_HEADERS),
        },
        **problem_details.openapi_responses(406, 422, 503),
    }


def stream(
    format_name: FormatName,
    schema: pa.Schema,
    tables: Tables,
    *,
    name: str,
    spreadsheet: bool = False,
    timeout_s: float = EXPORT_TIMEOUT_S,
) -> StreamingResponse:
    """The tables as a file. An error before the first table is a problem response. If an export
    fails later, or is not read within `timeout_s`, the connection is aborted, so that a partial
    file is never mistaken for a complete one. `spreadsheet` quotes formulas in CSV.
    """
    writer = choose_writer(format_name, spreadsheet=spreadsheet)
    chunks = _bounded(writer, schema, tables)
    first = next(chunks)
    return StreamingResponse(
        _send(first, chunks, timeout_s),
        media_type=MEDIA_TYPES[format_name],
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{format_name}"',
            "Vary": "Accept",
        },
    )


async def _send(
    first: bytes, chunks: Generator[bytes, None, None], timeout_s: float
) -> AsyncIterator[bytes]:
    """Make each chunk in a thread; close the export at the end or if the client goes away."""
    deadline = time.monotonic() + timeout_s
    try:
        chunk: bytes | None = first
        while chunk is not None:
            yield chunk
            if time.monotonic() > deadline:
                raise Unavailable(f"the export was not read within {timeout_s:g} s")
            chunk = await run_in_threadpool(next, chunks, None)
    finally:
        with CancelScope(shield=True):
            await run_in_threadpool(chunks.close)


def _bounded(writer: Writer, schema: pa.Schema, tables: Tables) -> Generator[bytes, None, None]:
    if not _slots.acquire(blocking=False):
        raise Unavailable(f"{MAX_EXPORTS} exports are running already: try again")
    try:
        with closing(tables):
            # Wait for the first table, not only for the header: then the target has answered.
            first = list(islice(tables, 1))
            yield from writer(schema, chain(first, tables))
    finally:
        _slots.release()
