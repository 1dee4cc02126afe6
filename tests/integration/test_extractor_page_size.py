"""The number of values of a page is limited, also with many variables."""

from contextlib import closing

import pytest

from services.extractor.sample_client import PAGE_VALUES, SampleClient
from shared.clients.settings import ConnectorClientSettings
from tests.integration.stub_connector import DAY, page, stub_connector, table


@pytest.mark.parametrize(("count", "limit"), [(1, 500_000), (3, 250_000), (99, 10_000)])
def test_pages_of_many_variables_have_fewer_rows(count: int, limit: int) -> None:
    names = tuple(f"v{n}" for n in range(count))
    with stub_connector() as server:
        server.respond_with(page(table([], names)))
        settings = ConnectorClientSettings(connector_url=server.url)
        client = SampleClient(settings, page_rows=PAGE_VALUES, deadline_s=60, attempts=1)
        with closing(client):
            pages = client.pages(assets=[""], start=DAY, end=DAY, variables=names, snapshot_s=60)
            assert list(pages) == []
        assert [params["limit"] for _, params in server.requests] == [str(limit)]
