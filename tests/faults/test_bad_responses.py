"""A connector that answers what it never should: the job fails and says so; nothing is loaded."""

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


def page(stamps: list[datetime], *, variables: tuple[str, ...], following: str = "") -> bytes:
    """An answer to GET /data with these samples."""
    values = pa.array([1.0] * len(stamps))
    table = pa.table({"timestamp": pa.array(stamps, TIMESTAMP)} | dict.fromkeys(variables, values))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    head = [
        "HTTP/1.1 200 OK", "Content-Type: application/vnd.apache.arrow.stream",
        f"Content-Length: {len(body)}", f"Minuano-Rows: {len(stamps)}",
        *([f"Minuano-Next: {following}"] if following else []), "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode() + body


DEFAULT_VARIABLES = ("wind_speed", "power")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(page(OUTSIDE, variables=DEFAULT_VARIABLES), id="rows outside the range"),
        pytest.param(page(OUT_OF_ORDER, variables=DEFAULT_VARIABLES), id="rows out of order"),
        pytest.param(
            page(IN_ORDER, variables=DEFAULT_VARIABLES, following="again"), id="a repeated cursor"
        ),
        pytest.param(
            page([], variables=DEFAULT_VARIABLES, following="on"), id="an empty page with a next"
        ),
        pytest.param(page(IN_ORDER, variables=("wind_speed",)), id="a column less"),
    ],
)
def test_the_job_fails_with_contract_and_a_retry_finishes_it(
    fault_stack: FaultStack, answer: bytes
) -> None:
    fault_stack.reset_data()
    with _connector_responds(
        fault_stack, lambda request: answer if b" /data?" in request else None
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
    fault_stack: FaultStack, answer: Callable[[bytes], bytes | None]
) -> Iterator[None]:
    [proxy] = fault_stack.proxies_of("extractor-connector")
    proxy.disturbance.response = answer
    try:
        yield
    finally:
        proxy.clear_disturbance()
