"""Invalid responses of the connector fail the job with a reason, and nothing is loaded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from shared.domain.batches import TIMESTAMP
from shared.domain.job import END_STATES
from tests.e2e.source_strategies import START
from tests.faults.fault_stack import RANGE, FaultStack
from tests.polling import wait_until

IN_ORDER = [START + timedelta(minutes=n) for n in range(3)]
OUTSIDE = [START - timedelta(minutes=1), *IN_ORDER]
OUT_OF_ORDER = IN_ORDER[::-1]


def page(timestamps: list[datetime], *, variables: tuple[str, ...], next_cursor: str = "") -> bytes:
    """A response to GET /data with these samples."""
    values = pa.array([1.0] * len(timestamps))
    table = pa.table(
        {"timestamp": pa.array(timestamps, TIMESTAMP)} | dict.fromkeys(variables, values)
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    header = [
        "HTTP/1.1 200 OK", "Content-Type: application/vnd.apache.arrow.stream",
        f"Content-Length: {len(body)}", f"Minuano-Rows: {len(timestamps)}",
        *([f"Minuano-Next: {next_cursor}"] if next_cursor else []), "", "",
    ]  # fmt: skip
    return "\r\n".join(header).encode() + body


DEFAULT_VARIABLES = ("wind_speed", "power")


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(page(OUTSIDE, variables=DEFAULT_VARIABLES), id="rows outside the range"),
        pytest.param(page(OUT_OF_ORDER, variables=DEFAULT_VARIABLES), id="rows out of order"),
        pytest.param(
            page(IN_ORDER, variables=DEFAULT_VARIABLES, next_cursor="again"), id="a repeated cursor"
        ),
        pytest.param(
            page([], variables=DEFAULT_VARIABLES, next_cursor="on"),
            id="an empty page with a next cursor",
        ),
        pytest.param(page(IN_ORDER, variables=("wind_speed",)), id="a missing column"),
    ],
)
def test_an_invalid_page_fails_the_job_and_a_retry_finishes_it(
    fault_stack: FaultStack, response: bytes
) -> None:
    fault_stack.reset_data()
    with _connector_responds(
        fault_stack, lambda request: response if b" /data?" in request else None
    ):
        id = fault_stack.post_job(**RANGE)
        wait_until(lambda: fault_stack.job(id)["state"] in END_STATES, what="the end of the job")
        job = fault_stack.job(id)
        assert (job["state"], job["reason"]) == ("failed", "contract"), job
        assert fault_stack.in_target("SELECT count(*) FROM data") == [(0,)]
    assert fault_stack.http.post(f"/jobs/{id}/retry").status_code == 202
    fault_stack.wait_until_recovered(id)


@contextmanager
def _connector_responds(
    fault_stack: FaultStack, respond: Callable[[bytes], bytes | None]
) -> Iterator[None]:
    [proxy] = fault_stack.proxies_of("extractor-connector")
    proxy.disturbance.response = respond
    try:
        yield
    finally:
        proxy.clear_disturbance()
