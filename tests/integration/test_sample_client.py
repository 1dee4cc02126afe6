"""The client of the connector validates everything that it receives."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
import stamina

from cli.embedded import ports
from shared.domain.batches import TIMESTAMP
from shared.errors import InvalidInput, Unavailable
from tests.integration.sample_reading import ATTEMPTS, DEADLINE_S, GOOD, read, sample_client
from tests.integration.stub_connector import (
    ARROW,
    DAY,
    Responder,
    StubConnector,
    byte_by_byte,
    disconnect,
    encoded,
    json_response,
    page,
    response,
    stub_connector,
    table,
    table_at,
    truncated,
)

SHORT_DEADLINE_S = 4.0
"""The deadline for responses that would never end."""


@pytest.fixture(autouse=True)
def _without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


@pytest.fixture
def server() -> Iterator[StubConnector]:
    with stub_connector() as running:
        yield running


def test_all_pages_are_read(server: StubConnector) -> None:
    server.respond_with(
        page(table([0, 1]), next_cursor="c1"),
        page(table([2]), next_cursor="c2"),
        page(table([119])),
    )
    assert read(server)["timestamp"].to_pylist() == table([0, 1, 2, 119])["timestamp"].to_pylist()
    assert [params.get("cursor") for _, params in server.requests] == [None, "c1", "c2"]


def test_the_request_names_range_variables_limit_and_asset(server: StubConnector) -> None:
    server.respond_with(page(table([0], ["power", "wind_speed"])))
    read(server, assets=("T 01",), variables=("power", "wind_speed"))
    assert server.requests == [
        (
            "/data",
            {
                "start": "2025-12-05T00:00:00+00:00", "end": "2025-12-05T02:00:00+00:00",
                "variables": "power,wind_speed", "limit": "100", "snapshot_s": "60",
                "asset": "T 01",
            },
        )
    ]  # fmt: skip


def test_a_range_without_samples_has_no_rows(server: StubConnector) -> None:
    server.respond_with(page(table([])))
    assert read(server).num_rows == 0


def test_null_nan_and_infinity_are_kept(server: StubConnector) -> None:
    values = pa.array([None, float("nan"), float("inf")], pa.float64())
    server.respond_with(page(GOOD.set_column(1, "power", values)))
    assert str(read(server)["power"].to_pylist()) == "[None, nan, inf]"


FAULTS = {
    "500": response(b"boom", status=500),
    "502": response(b"<html>", status=502),
    "503": response(b"{}", status=503, Retry_After=1),
    "408": response(b"too late", status=408),
    "429": response(b"slowly", status=429, Retry_After=3600),
    "507": response(b"no room", status=507),
    "disconnect": disconnect,
    "truncated, with Content-Length": truncated(GOOD, with_length=True),
    "truncated, without Content-Length": truncated(GOOD, with_length=False),
    "fewer rows than announced": page(GOOD, announced_rows=4),
    "byte by byte, body": byte_by_byte(GOOD),
    "byte by byte, head and body": byte_by_byte(GOOD, with_head=True),
    "not Arrow": response(b"hello", Content_Type=ARROW, Minuano_Rows=3),
    "empty": response(b"", Content_Type=ARROW, Minuano_Rows=0),
}
SOMETHING_ELSE = {
    "a page for people": response(b"<html>sign in</html>", Content_Type="text/html; charset=utf-8"),
    "no type": response(encoded(GOOD), Minuano_Rows=3),
    "JSON": json_response({"status": "ok"}),
    "rows not announced": response(encoded(GOOD), Content_Type=ARROW),
}


def _deadline_s(name: str) -> float:
    return SHORT_DEADLINE_S if name.startswith("byte by byte") else DEADLINE_S


@pytest.mark.parametrize("name", FAULTS)
def test_a_transient_fault_is_retried(server: StubConnector, name: str) -> None:
    server.respond_with(FAULTS[name], FAULTS[name], page(GOOD))
    assert read(server, deadline_s=_deadline_s(name)).equals(GOOD)
    assert len(server.requests) == ATTEMPTS


@pytest.mark.parametrize("name", FAULTS)
def test_a_permanent_fault_is_an_outage_after_all_attempts(
    server: StubConnector, name: str
) -> None:
    server.respond_with(FAULTS[name])
    with pytest.raises(Unavailable, match="connector"):
        read(server, deadline_s=_deadline_s(name))
    assert len(server.requests) == ATTEMPTS


@pytest.mark.parametrize("other", SOMETHING_ELSE.values(), ids=SOMETHING_ELSE)
def test_an_answer_of_something_else_fails_the_job_after_all_attempts(
    server: StubConnector, other: Responder
) -> None:
    server.respond_with(other, page(GOOD))
    assert read(server).equals(GOOD)
    server.respond_with(other)
    with pytest.raises(InvalidInput, match="the connector") as error:
        read(server)
    assert (error.value.reason, len(server.requests)) == ("contract", 2 + ATTEMPTS)


def test_a_connector_that_does_not_run_is_an_outage() -> None:
    with sample_client(f"http://127.0.0.1:{ports.free()}") as client:
        for method in (client.variables, client.check):
            with pytest.raises(Unavailable, match="connector"):
                method()


FAR_FUTURE = pa.array([2**62], pa.int64()).view(TIMESTAMP)
CONTRACT_VIOLATIONS = {
    "before the start": table([-1, 0]),
    "at the end": table([0, 120]),
    "out of order": table([2, 1, 3]),
    "without a timestamp": table([0, None, 1]),
    "in a year after 9999": table_at(FAR_FUTURE),
    "one column missing": table([0], []),
    "one column too many": table([0], ["power", "wind_speed"]),
    "another column": table([0], ["wind_speed"]),
    "another type": GOOD.set_column(1, "power", pa.array([1, 2, 3])),
    "timestamps without a zone": table_at(pa.array([DAY.replace(tzinfo=None)], pa.timestamp("us"))),
    "timestamps in milliseconds": table_at(pa.array([DAY], pa.timestamp("ms", tz="UTC"))),
}


@pytest.mark.parametrize("rows", CONTRACT_VIOLATIONS.values(), ids=CONTRACT_VIOLATIONS)
def test_a_violation_of_the_contract_is_rejected_at_once(
    server: StubConnector, rows: pa.Table
) -> None:
    server.respond_with(page(rows))
    with pytest.raises(InvalidInput, match="the connector") as error:
        read(server)
    assert error.value.reason == "contract"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "pages",
    [
        [page(table([0]), next_cursor="c"), page(table([1]), next_cursor="c")],
        [page(table([0, 1]), next_cursor="c"), page(table([1, 2]))],
        [page(table([5]), next_cursor="c"), page(table([0]))],
        [page(table([]), next_cursor="c")],
    ],
    ids=["cursor repeated", "row repeated", "back in time", "cursor without rows"],
)
def test_pages_that_do_not_advance_are_rejected(
    server: StubConnector, pages: list[Responder]
) -> None:
    server.respond_with(*pages)
    with pytest.raises(InvalidInput, match="do not advance") as error:
        read(server)
    assert error.value.reason == "contract"
    assert len(server.requests) == len(pages)


@pytest.mark.parametrize("status", [401, 403])
def test_the_error_for_a_refused_key_names_the_setting(server: StubConnector, status: int) -> None:
    server.respond_with(response(b"no", status=status))
    with pytest.raises(InvalidInput, match="MINUANO_API_KEY") as error:
        read(server)
    assert error.value.reason == "unauthorized"


def test_a_query_that_takes_too_long_fails_the_job_at_once(server: StubConnector) -> None:
    problem = {"Content-Type": "application/problem+json"}
    server.respond_with(response(b"too long", status=504, **problem))
    with pytest.raises(InvalidInput, match="too long") as error:
        read(server)
    assert (error.value.reason, len(server.requests)) == ("timeout", 1)


def test_a_500_of_the_connector_itself_fails_the_job_after_all_attempts(
    server: StubConnector,
) -> None:
    problem = {"Content-Type": "application/problem+json"}
    body = b'{"status": 500, "detail": "permission denied for table data (42501)"}'
    server.respond_with(response(body, status=500, **problem))
    expected = r"^connector answers 500: permission denied for table data \(42501\)$"
    with pytest.raises(InvalidInput, match=expected) as error:
        read(server)
    assert (error.value.reason, len(server.requests)) == ("source", ATTEMPTS)


def test_the_detail_of_a_problem_can_be_stored_and_reported(server: StubConnector) -> None:
    server.respond_with(response(b'{"detail": "no \\ud800 here"}', status=503))
    with pytest.raises(Unavailable) as error:
        read(server)
    assert str(error.value) == "connector answers 503: no ? here"


def test_a_gateway_timeout_is_an_outage(server: StubConnector) -> None:
    server.respond_with(response(b"gateway", status=504))
    with pytest.raises(Unavailable, match="504"):
        read(server)


@pytest.mark.parametrize("status", [302, 400, 404, 422, 501, 505])
def test_a_status_that_a_retry_does_not_change_is_rejected_with_its_text(
    server: StubConnector, status: int
) -> None:
    server.respond_with(response(b"the reason", status=status, Location="/"))
    with pytest.raises(InvalidInput, match=f"{status}: the reason") as error:
        read(server)
    assert (error.value.reason, len(server.requests)) == ("contract", 1)


def test_a_response_that_is_too_large_is_rejected(server: StubConnector) -> None:
    server.respond_with(page(GOOD))
    with pytest.raises(InvalidInput, match="exceeds 100 bytes"):
        read(server, max_response_bytes=100)


def test_the_first_of_the_keys_is_sent(server: StubConnector) -> None:
    server.respond_with(json_response([]))
    with sample_client(server.url, key="new, old") as client:
        client.assets()
    assert server.headers[0]["Authorization"] == "Bearer new"


def test_variables_and_assets_are_read_from_json(server: StubConnector) -> None:
    variables = [{"name": "power", "type": "float8", "unit": None}]
    server.respond_with(json_response(variables), json_response(["T01", "T02"]))
    with sample_client(server.url) as client:
        assert client.variables() == ["power"]
        assert client.assets() == ["T01", "T02"]
    assert [path for path, _ in server.requests] == ["/variables", "/assets"]


def test_a_response_that_is_not_json_is_retried_and_then_an_outage(server: StubConnector) -> None:
    server.respond_with(response(b'[{"name"', Content_Type="application/json"))
    with sample_client(server.url) as client, pytest.raises(Unavailable, match="/variables"):
        client.variables()
    assert len(server.requests) == ATTEMPTS


@pytest.mark.parametrize("value", [{"detail": "hello"}, ["power"], [{"title": "power"}], 5, None])
def test_json_of_another_shape_is_rejected(server: StubConnector, value: object) -> None:
    server.respond_with(json_response(value))
    with (
        sample_client(server.url) as client,
        pytest.raises(InvalidInput, match="/variables") as error,
    ):
        client.variables()
    assert error.value.reason == "contract"


def test_check_asks_the_connector_whether_it_is_ready(server: StubConnector) -> None:
    server.respond_with(json_response({"status": "ok"}), response(b"no", status=503))
    with sample_client(server.url) as client:
        client.check()
        with pytest.raises(Unavailable):
            client.check()
    assert [path for path, _ in server.requests] == ["/health/ready"] * 2
