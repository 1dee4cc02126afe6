"""The format that a client gets for its `Accept` header, and the content of each format."""

import math

import orjson
import pyarrow as pa
import pytest
from fastapi import HTTPException

from services.connector.formats import FORMATS
from services.connector.paging import Page
from shared.domain.batches import TIMESTAMP
from shared.http.content_negotiation import ARROW, CSV, JSON, negotiate

as_csv, as_json = FORMATS[CSV], FORMATS[JSON]
AWKWARD = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e16, 123456789.123456789, 1 / 3]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("text/csv", CSV),
        ("TEXT/CSV; charset=utf-8", CSV),
        ("text/html, text/csv;q=0.1", CSV),
        ("application/json;q=0.1, */*;q=0.5", CSV),
        ("application/json;q=0, */*", CSV),
        (f"{ARROW};q=0.9, text/csv;q=0.8", ARROW),
        (f"{ARROW}, application/json", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
    ],
)
def test_the_preferred_format_is_selected(accept: str | None, expected: str) -> None:
    assert negotiate(accept, list(FORMATS)) == expected


@pytest.mark.parametrize("accept", ["text/html", "image/*", "*/*;q=0", "text/csv;q=x", ";", "csv"])
def test_an_accept_header_without_a_known_format_is_not_acceptable(accept: str) -> None:
    with pytest.raises(HTTPException) as raised:
        negotiate(accept, list(FORMATS))
    assert raised.value.status_code == 406


def page(values: list[float | None], *, micros: int = 0) -> Page:
    timestamps = pa.array([micros + 60_000_000 * n for n in range(len(values))], TIMESTAMP)
    return Page(pa.table({"timestamp": timestamps, "x": pa.array(values, pa.float64())}), None)


def test_floats_are_exact_in_json_and_csv() -> None:
    rows = orjson.loads(as_json(page([*AWKWARD])))["data"]
    assert [row["x"] for row in rows] == AWKWARD
    lines = as_csv(page([*AWKWARD])).decode().splitlines()[1:]
    assert [float(line.split(",")[1]) for line in lines] == AWKWARD


def test_json_has_null_for_nan_and_infinity() -> None:
    rows = orjson.loads(as_json(page([None, math.nan, math.inf, 1.0])))["data"]
    assert [row["x"] for row in rows] == [None, None, None, 1.0]


def test_csv_has_a_header_and_one_line_per_row() -> None:
    assert as_csv(page([1.5, None, math.nan])) == (
        b"timestamp,x\n1970-01-01T00:00:00Z,1.5\n1970-01-01T00:01:00Z,\n1970-01-01T00:02:00Z,nan\n"
    )


@pytest.mark.parametrize("micros", [250_000, -250_000])
def test_fractions_of_a_second_are_written(micros: int) -> None:
    [row] = orjson.loads(as_json(page([1.0], micros=micros)))["data"]
    assert row["timestamp"].endswith("50000Z")
    assert row["timestamp"] in as_csv(page([1.0], micros=micros)).decode()


def test_an_empty_page_has_no_rows() -> None:
    assert as_csv(page([])) == b"timestamp,x\n"
    assert as_json(page([])) == b'{"data":[],"next":null}'


def test_a_column_name_with_a_quote_is_quoted_in_csv() -> None:
    quoted = Page(page([1.0]).table.rename_columns(["timestamp", 'a"b']), None)
    assert as_csv(quoted).splitlines()[0] == b'"timestamp","a""b"'
