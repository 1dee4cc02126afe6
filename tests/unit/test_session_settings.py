"""The options of a PostgreSQL URL behind a pooler, which does not take them."""

import pytest

from shared.errors import ConfigurationError
from shared.postgres.session import SessionSettings


@pytest.mark.parametrize(
    ("options", "statement"),
    [
        ("-c work_mem=5MB", "SET LOCAL work_mem = '5MB'"),
        ("-c application_name=O'Brien", "SET LOCAL application_name = 'O''Brien'"),
        (r"--search-path=wind,\ public", "SET LOCAL search_path = 'wind, public'"),
        (r"-c application_name=a\\b", r"SET LOCAL application_name = 'a\b'"),
        ("", ""),
    ],
)
def test_the_options_of_a_url_become_statements(options: str, statement: str) -> None:
    assert SessionSettings({}, options).statements == statement


def test_an_option_of_another_form_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="write -c name=value"):
        _ = SessionSettings({}, "-E").statements
