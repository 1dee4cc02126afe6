"""How many rows a page of the connector has."""

import pytest
from pydantic import SecretStr

from services.connector.settings import ConnectorSettings


@pytest.mark.parametrize(("default", "most", "rows"), [(10, 500, 10), (10, 5, 5)])
def test_a_page_has_no_more_rows_by_default_than_the_largest(
    default: int, most: int, rows: int
) -> None:
    settings = ConnectorSettings(
        port=0, source_url=SecretStr("postgresql://me@host/source"),
        default_page_rows=default, max_page_rows=most,
    )  # fmt: skip
    assert settings.default_limit == rows
