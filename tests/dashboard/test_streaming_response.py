"""A long answer is broken off where it can't be whole, and frees its place."""

import anyio
import pyarrow as pa
import pytest
from starlette.responses import StreamingResponse

from services.dashboard.exports import streaming_response
from services.dashboard.exports.formats import FORMATS, Tables
from shared.errors import Unavailable

PART = pa.table({"n": [1, 2]})
CSV = FORMATS["csv"]


def parts() -> Tables:
    for _ in range(3):
        yield PART


def parts_until_the_disk_is_gone() -> Tables:
    yield PART
    raise RuntimeError("the disk is gone")


def read(answer: StreamingResponse) -> bytes:
    async def pieces() -> bytes:
        return b"".join([bytes(piece) async for piece in answer.body_iterator])  # type: ignore[arg-type]

    return anyio.run(pieces)


def test_an_answer_is_all_of_its_parts() -> None:
    answer = streaming_response.stream(CSV, PART.schema, parts, name="parts")
    assert read(answer).split() == [b"n", *[b"1", b"2"] * 3]


def test_what_fails_later_breaks_the_answer_off() -> None:
    answer = streaming_response.stream(CSV, PART.schema, parts_until_the_disk_is_gone, name="parts")
    with pytest.raises(RuntimeError, match="the disk is gone"):
        read(answer)


def test_an_answer_that_takes_too_long_breaks_off_and_frees_its_place() -> None:
    for _ in range(streaming_response.MAX_EXPORTS + 1):
        answer = streaming_response.stream(CSV, PART.schema, parts, name="parts", within_s=-1.0)
        with pytest.raises(Unavailable, match="not read within"):
            read(answer)
