"""The number of rows in a page of the connector."""

import pytest
from pydantic import SecretStr

from services.connector.settings import ConnectorSettings


@pytest.mark.parametrize(
    ("max_page_rows", "expected"), [(50_000, 10_000), (10_000, 10_000), (500, 500)]
)
def test_a_default_page_has_no_more_rows_than_the_largest_page(
    max_page_rows: int, expected: int
) -> None:
    settings = ConnectorSettings(
        port=0, source_url=SecretStr("postgresql://me@host/source"), max_page_rows=max_page_rows
    )
    assert settings.default_limit == expected
