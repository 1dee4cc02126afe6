"""What a person may ask for, and the answer to what can't be understood."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.job_request import (
    MAX_ASSETS,
    MAX_DAYS,
    MAX_VARIABLES,
    JobRequest,
)
from shared.errors import InvalidInput

DAY = "2025-12-05"


def test_one_date_is_its_own_first_and_last_day() -> None:
    request = JobRequest.model_validate({"date": DAY})
    assert (request.first, request.last) == (date(2025, 12, 5), date(2025, 12, 5))


def test_a_range_includes_both_its_dates() -> None:
    request = JobRequest.model_validate({"start": "2025-12-01", "end": "2025-12-10"})
    assert (request.first, request.last) == (date(2025, 12, 1), date(2025, 12, 10))


def test_a_range_may_be_one_day() -> None:
    request = JobRequest.model_validate({"start": DAY, "end": DAY})
    assert request.first == request.last


def test_a_request_need_not_name_variables_and_assets() -> None:
    request = JobRequest.model_validate({"date": DAY})
    assert (request.variables, request.assets) == ((), ())


def test_the_name_for_all_variables_stands_alone() -> None:
    assert JobRequest.from_fields(entry({"date": DAY, "variables": "*"})).variables == ("*",)
    with pytest.raises(InvalidInput, match="name no others with it"):
        JobRequest.from_fields(entry({"date": DAY, "variables": "*,power"}))


def test_the_longest_range_is_allowed() -> None:
    request = JobRequest.model_validate({"start": "2010-01-01", "end": "2020-01-08"})
    assert (request.last - request.first).days + 1 == MAX_DAYS


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({}, "job", "either `date`, or both"),
    ({"start": DAY}, "job", "either `date`, or both"),
    ({"end": DAY}, "job", "either `date`, or both"),
    ({"date": DAY, "start": DAY}, "job", "either `date`, or both"),
    ({"date": DAY, "start": DAY, "end": DAY}, "job", "either `date`, or both"),
    ({"start": DAY, "end": "2025-12-04"}, "job", "`end` is before `start`"),
    ({"start": "2010-01-01", "end": "2020-01-09"}, "job", f"{MAX_DAYS} days"),
    ({"date": "2025-02-30"}, "date", "not in the calendar"),
    ({"date": "0000-01-01"}, "date", "not in the calendar"),
    ({"date": "0001-01-01"}, "date", "between"),
    ({"date": "9999-12-31"}, "date", "between"),
    ({"date": "0"}, "date", "YYYY-MM-DD"),
    ({"date": ""}, "date", "YYYY-MM-DD"),
    ({"date": "2025-12-5"}, "date", "YYYY-MM-DD"),
    ({"date": "20251205"}, "date", "YYYY-MM-DD"),
    ({"date": "2025-W49-5"}, "date", "YYYY-MM-DD"),
    ({"date": "05/12/2025"}, "date", "YYYY-MM-DD"),
    ({"date": f"{DAY}T00:00:00Z"}, "date", "YYYY-MM-DD"),
    ({"date": f"{DAY}\n"}, "date", "YYYY-MM-DD"),
    ({"date": "２０２５-12-05"}, "date", "YYYY-MM-DD"),  # noqa: RUF001 - fullwidth digits
    ({"start": "tomorrow", "end": DAY}, "start", "YYYY-MM-DD"),
    ({"date": DAY, "variables": "wind_speed, "}, "variables.1", "at least 1 character"),
    ({"date": DAY, "variables": ""}, "variables.0", "at least 1 character"),
    ({"date": DAY, "variables": "power,power"}, "job", "`variables` has one name twice"),
    ({"date": DAY, "assets": "T01,T02,T01"}, "job", "`assets` has one name twice"),
    ({"date": DAY, "assets": "T\x0001"}, "assets.0", "pattern"),
    ({"date": DAY, "variables": "p" * 64}, "variables.0", "at most 63"),
    ({"date": DAY, "only": "all"}, "only", "Input should be 'changed'"),
    ({"date": DAY, "only": ""}, "only", "Input should be 'changed'"),
    ({"date": DAY, "colour": "red"}, "colour", "not permitted"),
    ({"Date": DAY}, "Date", "not permitted"),
]


@pytest.mark.parametrize(("fields", "place", "complaint"), BAD)
def test_an_invalid_stream_entry_is_refused_with_the_field(
    fields: dict[str, str], place: str, complaint: str
) -> None:
    with pytest.raises(InvalidInput) as rejected:
        JobRequest.from_fields(entry(fields))
    assert rejected.value.reason == "schema"
    assert f"{place}: " in str(rejected.value)
    assert complaint in str(rejected.value)


@pytest.mark.parametrize(
    "body",
    [
        '{"date": 20251205}',
        '{"date": 0}',
        '{"date": true}',
        '{"date": NaN}',
        '{"date": null}',
        '{"date": ["2025-12-05"]}',
        '{"date": {"$gt": ""}}',
        '{"date": "2025-12-05", "variables": []}',
        '{"date": "2025-12-05", "variables": "power"}',
        '{"date": "2025-12-05", "variables": [1]}',
        '{"date": "2025-12-05", "variables": [null]}',
        '{"date": "2025-12-05", "variables": ["power,wind_speed"]}',
        '{"date": "2025-12-05", "assets": [true]}',
        '{"date": "2025-12-05", "limit": 0}',
        '{"date": "2025-12-05", "only": true}',
        '["2025-12-05"]',
        '"2025-12-05"',
        "null",
        "{",
        "",
    ],
)
def test_an_invalid_body_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        JobRequest.model_validate_json(body)


@pytest.mark.parametrize(("field", "most"), [("variables", MAX_VARIABLES), ("assets", MAX_ASSETS)])
def test_the_number_of_names_is_bounded(field: str, most: int) -> None:
    names = [f"n{n}" for n in range(most + 1)]
    JobRequest.model_validate({"date": DAY, field: names[:most]})
    with pytest.raises(ValidationError, match=f"at most {most}"):
        JobRequest.model_validate({"date": DAY, field: names})


def test_sql_in_a_name_is_plain_text() -> None:
    name = 'power"; DROP TABLE data; --'
    assert JobRequest.model_validate({"date": DAY, "variables": [name]}).variables == (name,)


def test_an_entry_may_have_blanks_around_its_names() -> None:
    request = JobRequest.from_fields(entry({"date": DAY, "variables": "power, wind_speed "}))
    assert request.variables == ("power", "wind_speed")


def test_stream_entry_and_body_are_equivalent() -> None:
    by_entry = JobRequest.from_fields(entry({"date": DAY, "assets": "T01,T02"}))
    assert by_entry == JobRequest.model_validate({"date": DAY, "assets": ["T01", "T02"]})


@pytest.mark.parametrize("fields", [{b"date": b"\xff"}, {b"\xff": b"2025-12-05"}])
def test_an_entry_that_is_not_utf8_is_refused(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        JobRequest.from_fields(fields)


@given(
    st.dictionaries(
        st.sampled_from([b"date", b"start", b"end", b"variables", b"assets"]) | st.binary(),
        st.sampled_from([b"2025-12-05", b"2025-12-06"]) | st.binary(max_size=40),
        max_size=5,
    )
)
def test_any_invalid_entry_raises_invalid_input(fields: dict[bytes, bytes]) -> None:
    try:
        request = JobRequest.from_fields(fields)
    except InvalidInput:
        return
    assert request.first <= request.last


def entry(fields: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in fields.items()}


def test_an_entry_of_the_stream_may_be_for_changed_slices_only() -> None:
    fields: list[dict[str, str]] = [{"date": DAY}, {"date": DAY, "only": "changed"}]
    assert [JobRequest.from_fields(entry(f)).only for f in fields] == [None, "changed"]
