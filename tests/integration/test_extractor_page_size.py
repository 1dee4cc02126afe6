"""A page holds no more values than allowed, however many variables it has."""

from contextlib import closing

import pytest

from services.extractor.sample_client import PAGE_VALUES, SampleClient
from tests.integration.extractor_process import DAY, page, stub, table


@pytest.mark.parametrize(("count", "limit"), [(1, 500_000), (3, 250_000), (99, 10_000)])
def test_pages_of_many_variables_have_fewer_rows(count: int, limit: int) -> None:
    names = tuple(f"v{n}" for n in range(count))
    with (
        stub() as server,
        closing(
            SampleClient(server.url, None, page_rows=PAGE_VALUES, deadline_s=60, attempts=1)
        ) as connector,
    ):
        server.will(page(table([], names)))
        assert list(connector.pages(asset="", start=DAY, end=DAY, variables=names)) == []
        assert [query["limit"] for _, query in server.asked] == [str(limit)]
