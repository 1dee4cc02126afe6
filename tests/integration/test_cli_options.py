"""Options and arguments that mean nothing end a command with 2, before it does anything."""

import pytest

from tests.integration.commands import minuano


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "2025-12-05", "--assets", ""], "names nothing"),
        (["run", "2025-12-05", "--variables", " , "], "names nothing"),
        (["data", "2025-12-05", "--variables", ""], "names nothing"),
        (["reconcile", "--assets", ","], "names nothing"),
        (["data", "9999-12-31"], "between 1900-01-01 and"),
        (["data", "0001-01-01"], "between 1900-01-01 and"),
        (["seed", "--start", "9999-12-31"], "between 1900-01-01 and"),
    ],
)
def test_a_wrong_option_ends_with_2(words: list[str], message: str) -> None:
    result = minuano(*words)
    assert (result.exit_code, message in result.output) == (2, True), result.output
