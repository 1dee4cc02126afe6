"""Long answers: written while they are read, a bounded number of them at a time."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import closing
from itertools import chain
from typing import Any, Literal

import pyarrow as pa
from anyio import CancelScope
from fastapi.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from services.dashboard.exports.formats import ExportFormat, Tables
from shared.errors import Unavailable
from shared.http import problem_details
from shared.http.content_negotiation import ARROW, CSV, PARQUET

MAX_EXPORTS = 4
"""Each holds one of the connections to the target."""
EXPORT_TIMEOUT_S = 900.0
"""Of those an answer may take: meanwhile the target keeps the rows that it sees."""

FormName = Literal["json", "csv", "arrow", "parquet"]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_HEADERS = {"Content-Disposition": "A name for the file", "Vary": "`Accept`"}

_room = threading.BoundedSemaphore(MAX_EXPORTS)


def openapi_responses(what: type[Any]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of an answer that comes in any form."""
    return {
        200: {
            "model": what,
            "description": "In the form of `format`, else of `Accept`",
            "content": {CSV: {"schema": {"type": "string"}}, ARROW: _BINARY, PARQUET: _BINARY},
            "headers": problem_details.headers(_HEADERS),
        },
        **problem_details.openapi_responses(406, 422, 503),
    }


def stream(
    form: ExportFormat,
    schema: pa.Schema,
    tables: Callable[[], Tables],
    *,
    name: str,
    within_s: float = EXPORT_TIMEOUT_S,
) -> StreamingResponse:
    """The tables as they come. What fails before the first of them is a problem; what fails later,
    or is not read within `within_s`, breaks the answer off, so that nobody takes a part for the
    whole.
    """
    pieces = _bounded(form, schema, tables)
    first = next(pieces)
    return StreamingResponse(
        _sent(first, pieces, within_s),
        media_type=form.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{form.name}"', "Vary": "Accept",
        },
    )  # fmt: skip


async def _sent(
    first: bytes, pieces: Generator[bytes, None, None], within_s: float
) -> AsyncIterator[bytes]:
    """The pieces, each made by a thread; all is closed at the end, or when nobody reads on."""
    until = time.monotonic() + within_s
    try:
        piece: bytes | None = first
        while piece is not None:
            yield piece
            if time.monotonic() > until:
                raise Unavailable(f"the answer was not read within {within_s:g} s")
            piece = await run_in_threadpool(next, pieces, None)
    finally:
        with CancelScope(shield=True):
            await run_in_threadpool(pieces.close)


def _bounded(
    form: ExportFormat, schema: pa.Schema, tables: Callable[[], Tables]
) -> Generator[bytes, None, None]:
    if not _room.acquire(blocking=False):
        raise Unavailable(f"{MAX_EXPORTS} long answers are on their way already: try again")
    try:
        with closing(tables()) as made:
            # The first table, not only what stands before it: now the target has answered.
            begun = next(made, None)
            yield from form.write(schema, chain([] if begun is None else [begun], made))
    finally:
        _room.release()
