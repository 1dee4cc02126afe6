"""Numbers of jobs and chunks, as entries of a stream spell them."""

import pytest

from shared.streams.entries import parse_job_id, parse_whole_number


@pytest.mark.parametrize(("text", "number"), [(b"7", 7), (b"0", 0), (b"9" * 18, 10**18 - 1)])
def test_digits_that_fit_into_the_database_are_a_number(text: bytes, number: int) -> None:
    assert parse_whole_number(text) == number


@pytest.mark.parametrize("text", [b"", b"-1", b"+1", b"1.5", b" 7", b"0x7", b"9" * 19])
def test_other_text_is_not_a_number(text: bytes) -> None:
    assert parse_whole_number(text) is None


def test_an_entry_without_a_job_id_has_no_job() -> None:
    assert (parse_job_id({b"job": b"7"}), parse_job_id({b"date": b"2025-12-05"})) == (7, None)
