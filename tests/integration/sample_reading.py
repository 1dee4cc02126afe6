"""Reading pages with the client of the connector, for its tests."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pyarrow as pa
from pydantic import SecretStr

from services.extractor.sample_client import SampleClient
from services.extractor.sample_page import SamplePage
from shared.clients.settings import ConnectorClientSettings
from tests.integration.stub_connector import DAY, StubConnector, table

ATTEMPTS = 3
DEADLINE_S = 10.0
PAGE_ROWS = 100
GOOD = table([0, 1, 2])


@contextmanager
def sample_client(url: str, key: str | None = None, **options: Any) -> Iterator[SampleClient]:
    """A client with few attempts."""
    settings = ConnectorClientSettings(connector_url=url, api_key=SecretStr(key) if key else None)
    bounds = {"page_rows": PAGE_ROWS, "deadline_s": DEADLINE_S, "attempts": ATTEMPTS, **options}
    with closing(SampleClient(settings, **bounds)) as client:
        yield client


def read(
    server: StubConnector,
    *,
    assets: Sequence[str] = ("",),
    variables: tuple[str, ...] = ("power",),
    **options: Any,
) -> pa.Table:
    """All pages of two hours."""
    pages = read_pages(server, assets=assets, variables=variables, **options)
    return pa.concat_tables([table([], variables), *(page.table for page in pages)])


def read_pages(
    server: StubConnector, *, assets: Sequence[str], variables: tuple[str, ...], **options: Any
) -> list[SamplePage]:
    with sample_client(server.url, **options) as client:
        pages = client.pages(
            assets=assets, start=DAY, end=DAY + timedelta(hours=2), variables=variables,
            snapshot_s=60,
        )  # fmt: skip
        return list(pages)


def of_assets(rows: pa.Table, *assets: str | None) -> pa.Table:
    """The rows with their assets, as the connector sends them."""
    return rows.add_column(1, "asset", pa.array(assets, pa.string()))
