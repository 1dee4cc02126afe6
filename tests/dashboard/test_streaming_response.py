"""An export that cannot be completed is aborted, and frees its slot."""

import anyio
import pyarrow as pa
import pytest
from starlette.responses import StreamingResponse

from services.dashboard.exports import streaming_response
from services.dashboard.exports.formats import Tables
from shared.errors import Unavailable

TABLE = pa.table({"n": [1, 2]})


def three_tables() -> Tables:
    for _ in range(3):
        yield TABLE


def failing_tables() -> Tables:
    yield TABLE
    raise RuntimeError("disk failure")


def read(answer: StreamingResponse) -> bytes:
    async def chunks() -> bytes:
        return b"".join([bytes(chunk) async for chunk in answer.body_iterator])  # type: ignore[arg-type]

    return anyio.run(chunks)


def test_an_export_has_all_tables() -> None:
    answer = streaming_response.stream("csv", TABLE.schema, three_tables(), name="export")
    assert read(answer).split() == [b"n", *[b"1", b"2"] * 3]


def test_a_later_error_aborts_the_response() -> None:
    answer = streaming_response.stream("csv", TABLE.schema, failing_tables(), name="export")
    with pytest.raises(RuntimeError, match="disk failure"):
        read(answer)


def test_an_export_that_takes_too_long_is_aborted_and_frees_its_slot() -> None:
    for _ in range(streaming_response.MAX_EXPORTS + 1):
        answer = streaming_response.stream(
            "csv", TABLE.schema, three_tables(), name="export", timeout_s=-1.0
        )
        with pytest.raises(Unavailable, match="not read within"):
            read(answer)
