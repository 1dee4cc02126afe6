"""A small response of the connector that would unfold to much memory fails the job, and the process
does not grow.
"""

import gzip
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from services.extractor import retrying_client
from shared.domain.batches import TIMESTAMP
from shared.errors import InvalidInput, Unavailable
from shared.http.content_negotiation import ARROW, JSON
from tests.integration.sample_reading import GOOD, read, sample_client
from tests.integration.stub_connector import StubConnector, encoded, response, stub_connector

ROWS = 2_000_000
UNFOLDED_BYTES = 16 * ROWS
MAX_GROWTH_BYTES = 2 * 2**20


@pytest.fixture
def server() -> Iterator[StubConnector]:
    with stub_connector() as running:
        yield running


@contextmanager
def without_growth() -> Iterator[None]:
    """Arrow and Python allocate little memory at any moment."""
    usual, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.system_memory_pool())
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)
    assert peak_bytes + pool.max_memory() < MAX_GROWTH_BYTES


def stream(rows: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def zeros(rows: int) -> pa.Table:
    """Samples that compress well."""
    zero = pa.repeat(pa.scalar(0, pa.int64()), rows)
    return pa.table({"timestamp": zero.cast(TIMESTAMP), "power": zero.cast(pa.float64())})


def nulls(rows: int) -> pa.Table:
    """Columns of a type that needs no bytes."""
    return pa.table(dict.fromkeys(("timestamp", "asset", "power"), pa.nulls(rows)))


def repeated(rows: int) -> pa.Table:
    """Rows whose asset is the one entry of a dictionary."""
    asset = pa.array(["T" * 1_000]).dictionary_encode()
    return zeros(rows).add_column(1, "asset", asset.take(pa.repeat(0, rows)))


BODIES = {
    "zstd": (stream(zeros(ROWS), compression="zstd"), "its buffers are compressed"),
    "lz4": (stream(zeros(ROWS), compression="lz4"), "its buffers are compressed"),
    "a type without bytes": (stream(nulls(10**9)), "timestamp: null"),
    "a dictionary": (stream(repeated(10_000)), "a dictionary is not allowed"),
}


@pytest.mark.parametrize(("body", "problem"), BODIES.values(), ids=BODIES)
def test_an_arrow_stream_that_would_unfold_is_refused(
    server: StubConnector, body: bytes, problem: str
) -> None:
    assert len(body) < UNFOLDED_BYTES / 100
    server.respond_with(response(body, Content_Type=ARROW, Minuano_Rows=ROWS))
    with without_growth(), pytest.raises(InvalidInput, match="the connector sends") as error:
        read(server, assets=("T01",))
    assert (error.value.reason, problem in str(error.value)) == ("contract", True)
    assert len(server.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate, gzip", "br"])
def test_a_compressed_response_is_refused(server: StubConnector, encoding: str) -> None:
    body = gzip.compress(encoded(zeros(ROWS)))
    server.respond_with(response(body, Content_Type=ARROW, Content_Encoding=encoding))
    with without_growth(), pytest.raises(InvalidInput, match=f"is compressed .{encoding}") as error:
        read(server)
    assert error.value.reason == "contract"
    assert server.headers[0]["Accept-Encoding"] == "identity"


def test_json_has_a_bound_of_its_own(
    server: StubConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying_client, "MAX_JSON_BYTES", 100)
    server.respond_with(response(b"[" + b"[]," * 100, Content_Type=JSON))
    with sample_client(server.url) as client:
        with pytest.raises(InvalidInput, match="/assets exceeds 100 bytes"):
            client.assets()
        with pytest.raises(Unavailable, match="/health/ready exceeds 100 bytes"):
            client.check()


def test_json_that_is_nested_too_deep_is_an_outage(server: StubConnector) -> None:
    server.respond_with(response(b"[" * 100_000, Content_Type=JSON))
    with sample_client(server.url, attempts=1) as client, pytest.raises(Unavailable, match="JSON"):
        client.assets()


def test_an_encoding_that_changes_nothing_is_accepted(server: StubConnector) -> None:
    headers: dict[str, Any] = {"Content_Type": ARROW, "Content_Encoding": "identity"}
    server.respond_with(response(encoded(GOOD), Minuano_Rows=3, **headers))
    assert read(server).equals(GOOD)
