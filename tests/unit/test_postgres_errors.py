"""Which errors of PostgreSQL are waited for, and which fail the job."""

import pytest

from shared.errors import InvalidInput, TimedOut, Unavailable
from shared.postgres.errors import TARGET, to_error

TEXT = "the server's sentence\nDETAIL: more"
PASSING = (
    None, "08006", "08P01", "25006", "25P03", "28P01", "3D000", "40001", "40P01", "53100", "53300",
    "55006", "55P03", "57P01", "57P03", "58030", "72000", "HV00N",
)  # fmt: skip
REFUSED = (
    "0A000",
    "25001",
    "3F000",
    "42501",
    "42703",
    "42883",
    "42P01",
    "54000",
    "55000",
    "HV000",
    "P0001",
    "XX000",
)


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_is_waited_for(code: str | None) -> None:
    error = to_error(code, TEXT, refused=TARGET)
    assert isinstance(error, Unavailable)
    assert str(error) == "PostgreSQL: the server's sentence" + (f" ({code})" if code else "")


@pytest.mark.parametrize("code", REFUSED)
def test_what_stays_until_a_person_acts_fails_the_job(code: str) -> None:
    error = to_error(code, TEXT, refused=TARGET)
    assert isinstance(error, InvalidInput)
    assert error.reason == "target"
    assert str(error) == f"PostgreSQL: the server's sentence ({code})"


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_refused_is_waited_for_where_no_job_can_fail(code: str) -> None:
    assert isinstance(to_error(code, TEXT), Unavailable)


@pytest.mark.parametrize("code", ["22003", "23505"])
@pytest.mark.parametrize("refused", [TARGET, None])
def test_wrong_values_are_invalid_input_everywhere(code: str, refused: str | None) -> None:
    error = to_error(code, TEXT, refused=refused)
    assert isinstance(error, InvalidInput)
    assert error.reason == "data"


@pytest.mark.parametrize("text", ["due to statement timeout", "wegen Benutzeraufforderung"])
def test_the_time_that_a_cancelled_statement_took_says_who_cancelled_it(text: str) -> None:
    assert isinstance(to_error("57014", text, refused=TARGET), Unavailable)
    error = to_error("57014", text, refused=TARGET, timed_out=True)
    assert isinstance(error, TimedOut)
    assert str(error) == f"PostgreSQL: {text} (57014); its limit is MINUANO_LEASE_S"
