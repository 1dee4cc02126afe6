"""The client of the connector believes nothing that it has not checked."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
import stamina
from pydantic import SecretStr

from cli.embedded import ports
from services.extractor.sample_client import SampleClient
from shared.domain.batches import TIMESTAMP
from shared.errors import InvalidInput, Unavailable
from tests.integration.extractor_process import (
    DAY,
    Answer,
    Stub,
    body,
    cut,
    dripping,
    encoded,
    hanging_up,
    page,
    stamped,
    stub,
    table,
    told,
)

ATTEMPTS = 3
DEADLINE_S = 10.0
HASTY_S = 4.0
"""The deadline for answers that would never end."""
PAGE_ROWS = 100
GOOD = table([0, 1, 2])


@pytest.fixture(autouse=True)
def _without_waits() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


@pytest.fixture
def server() -> Iterator[Stub]:
    with stub() as running:
        yield running


@contextmanager
def client(url: str, key: str | None = None, **options: Any) -> Iterator[SampleClient]:
    """A client that does not try long."""
    secret = SecretStr(key) if key else None
    bounds = {"page_rows": PAGE_ROWS, "deadline_s": DEADLINE_S, "attempts": ATTEMPTS, **options}
    with closing(SampleClient(url, secret, **bounds)) as connector:
        yield connector


def read(
    server: Stub,
    *,
    asset: str = "",
    variables: tuple[str, ...] = ("power",),
    **options: Any,
) -> pa.Table:
    """All pages of two hours."""
    with client(server.url, **options) as connector:
        pages = connector.pages(
            asset=asset, start=DAY, end=DAY + timedelta(hours=2), variables=variables
        )
        nothing = table([], variables)
        return pa.concat_tables([nothing, *pages])


def test_the_pages_are_followed_to_the_last_one(server: Stub) -> None:
    server.will(
        page(table([0, 1]), following="c1"),
        page(table([2]), following="c2"),
        page(table([119])),
    )
    assert read(server)["timestamp"].to_pylist() == table([0, 1, 2, 119])["timestamp"].to_pylist()
    assert [query.get("cursor") for _, query in server.asked] == [None, "c1", "c2"]


def test_it_is_asked_for_what_is_wanted(server: Stub) -> None:
    server.will(page(table([0], ["power", "wind_speed"])))
    read(server, asset="T 01", variables=("power", "wind_speed"))
    assert server.asked == [
        (
            "/data",
            {
                "start": "2025-12-05T00:00:00+00:00", "end": "2025-12-05T02:00:00+00:00",
                "variables": "power,wind_speed", "limit": "100", "asset": "T 01",
            },
        )
    ]  # fmt: skip


def test_a_range_without_samples_has_no_pages(server: Stub) -> None:
    server.will(page(table([])))
    assert read(server).num_rows == 0


def test_nulls_and_odd_values_come_as_they_are(server: Stub) -> None:
    odd = pa.array([None, float("nan"), float("inf")], pa.float64())
    server.will(page(GOOD.set_column(1, "power", odd)))
    assert str(read(server)["power"].to_pylist()) == "[None, nan, inf]"


def test_the_asset_column_is_checked_and_left_out(server: Stub) -> None:
    server.will(page(GOOD.add_column(1, "asset", pa.array(["T01"] * 3))))
    assert read(server, asset="T01").schema == GOOD.schema


FAULTS = {
    "500": body(b"boom", status=500),
    "502": body(b"<html>", status=502),
    "503": body(b"{}", status=503, Retry_After=1),
    "429": body(b"slowly", status=429),
    "hangs up": hanging_up,
    "cut, length known": cut(GOOD, length=True),
    "cut, length unknown": cut(GOOD, length=False),
    "fewer rows than promised": page(GOOD, rows=4),
    "rows not promised": body(encoded(GOOD)),
    "broken compression": body(b"no gzip", Content_Encoding="gzip", Minuano_Rows=3),
    "drips": dripping(GOOD),
    "drips from its first header on": dripping(GOOD, head=True),
    "no Arrow": body(b"<html>hello</html>", Minuano_Rows=3),
    "empty": body(b"", Minuano_Rows=0),
}


def _deadline_s(name: str) -> float:
    return HASTY_S if name.startswith("drips") else DEADLINE_S


@pytest.mark.parametrize("name", FAULTS)
def test_a_passing_fault_is_tried_again(server: Stub, name: str) -> None:
    server.will(FAULTS[name], FAULTS[name], page(GOOD))
    assert read(server, deadline_s=_deadline_s(name)).equals(GOOD)
    assert len(server.asked) == ATTEMPTS


@pytest.mark.parametrize("name", FAULTS)
def test_a_lasting_fault_is_an_outage_after_every_attempt(server: Stub, name: str) -> None:
    server.will(FAULTS[name])
    with pytest.raises(Unavailable, match="connector"):
        read(server, deadline_s=_deadline_s(name))
    assert len(server.asked) == ATTEMPTS


def test_a_connector_that_is_not_there_is_an_outage() -> None:
    with client(f"http://127.0.0.1:{ports.free()}") as nowhere:
        for ask in (nowhere.variables, nowhere.check):
            with pytest.raises(Unavailable, match="connector"):
                ask()


FAR = pa.array([2**62], pa.int64()).view(TIMESTAMP)
BROKEN_PROMISES = {
    "before the start": table([-1, 0]),
    "at the end": table([0, 120]),
    "out of order": table([2, 1, 3]),
    "without a stamp": table([0, None, 1]),
    "in a year beyond the calendar": stamped(FAR),
    "a column less": table([0], []),
    "a column more": table([0], ["power", "wind_speed"]),
    "another column": table([0], ["wind_speed"]),
    "another type": GOOD.set_column(1, "power", pa.array([1, 2, 3])),
    "stamps without a zone": stamped(pa.array([DAY.replace(tzinfo=None)], pa.timestamp("us"))),
    "stamps in milliseconds": stamped(pa.array([DAY], pa.timestamp("ms", tz="UTC"))),
}


@pytest.mark.parametrize("found", BROKEN_PROMISES.values(), ids=BROKEN_PROMISES)
def test_what_the_connector_must_never_send_is_rejected_at_once(
    server: Stub, found: pa.Table
) -> None:
    server.will(page(found))
    with pytest.raises(InvalidInput, match="the connector") as error:
        read(server)
    assert error.value.reason == "contract"
    assert len(server.asked) == 1


def test_rows_of_another_asset_are_rejected(server: Stub) -> None:
    server.will(page(GOOD.add_column(1, "asset", pa.array(["T01", "T02", "T01"]))))
    with pytest.raises(InvalidInput, match="T02 came"):
        read(server, asset="T01")


@pytest.mark.parametrize(
    "answers",
    [
        [page(table([0]), following="c"), page(table([1]), following="c")],
        [page(table([0, 1]), following="c"), page(table([1, 2]))],
        [page(table([5]), following="c"), page(table([0]))],
        [page(table([]), following="c")],
    ],
    ids=["cursor repeated", "row repeated", "back in time", "nothing but a cursor"],
)
def test_pages_that_do_not_move_on_are_rejected(server: Stub, answers: list[Answer]) -> None:
    server.will(*answers)
    with pytest.raises(InvalidInput, match="do not move on") as error:
        read(server)
    assert error.value.reason == "contract"
    assert len(server.asked) == len(answers)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_by_the_name_of_its_setting(server: Stub, status: int) -> None:
    server.will(body(b"no", status=status))
    with pytest.raises(InvalidInput, match="MINUANO_API_KEY") as error:
        read(server)
    assert error.value.reason == "unauthorized"


def test_a_source_that_takes_too_long_fails_the_job_at_once(server: Stub) -> None:
    server.will(body(b"too long", status=504, **{"Content-Type": "application/problem+json"}))
    with pytest.raises(InvalidInput, match="too long") as error:
        read(server)
    assert (error.value.reason, len(server.asked)) == ("timeout", 1)


def test_a_gateway_that_gave_up_is_an_outage(server: Stub) -> None:
    server.will(body(b"gateway", status=504))
    with pytest.raises(Unavailable, match="504"):
        read(server)


@pytest.mark.parametrize("status", [302, 400, 404, 422])
def test_an_answer_that_trying_again_won_t_change_is_rejected_with_what_it_says(
    server: Stub, status: int
) -> None:
    server.will(body(b"what it says", status=status, Location="/"))
    with pytest.raises(InvalidInput, match=f"{status}: what it says") as error:
        read(server)
    assert (error.value.reason, len(server.asked)) == ("contract", 1)


def test_a_page_has_a_largest_size(server: Stub) -> None:
    server.will(page(GOOD))
    with pytest.raises(InvalidInput, match="exceeds 100 bytes"):
        read(server, max_page_bytes=100)


def test_the_first_of_the_keys_is_sent(server: Stub) -> None:
    server.will(told([]))
    with client(server.url, key="new, old") as connector:
        connector.assets()
    assert server.headers[0]["Authorization"] == "Bearer new"


def test_variables_and_assets_are_read_from_json(server: Stub) -> None:
    server.will(told([{"name": "power", "type": "float8", "unit": None}]), told(["T01", "T02"]))
    with client(server.url) as connector:
        assert connector.variables() == ["power"]
        assert connector.assets() == ["T01", "T02"]
    assert [path for path, _ in server.asked] == ["/variables", "/assets"]


def test_what_is_no_json_is_an_outage(server: Stub) -> None:
    server.will(body(b"<html>"))
    with client(server.url) as connector, pytest.raises(Unavailable, match="/variables"):
        connector.variables()


@pytest.mark.parametrize("value", [{"detail": "hello"}, ["power"], [{"title": "power"}], 5, None])
def test_json_of_another_shape_is_rejected(server: Stub, value: object) -> None:
    server.will(told(value))
    with client(server.url) as connector, pytest.raises(InvalidInput, match="/variables") as error:
        connector.variables()
    assert error.value.reason == "contract"


def test_ready_is_what_the_connector_says(server: Stub) -> None:
    server.will(told({"status": "ok"}), body(b"no", status=503))
    with client(server.url) as connector:
        connector.check()
        with pytest.raises(Unavailable):
            connector.check()
    assert [path for path, _ in server.asked] == ["/health/ready"] * 2
