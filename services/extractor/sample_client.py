"""The client of the connector: pages of samples, each of them validated."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pyarrow as pa

from services.extractor.retrying_client import RetriedInput, RetryingClient, Unreachable
from services.extractor.sample_page import AssetRun, PageOrder, SamplePage, asset_runs
from shared.clients.settings import ConnectorClientSettings
from shared.domain import arrow_codec
from shared.domain.batches import TIMESTAMP
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput
from shared.http.content_negotiation import ARROW

MAX_RESPONSE_BYTES = 256 * 2**20
# The most values of one page, so that many variables need no more memory than few. A page with one
# snapshot can have more.
PAGE_VALUES = 1_000_000
ASSET = pa.field("asset", pa.string())


class SampleClient(RetryingClient):
    """Reads samples from the connector.

    Raises `Unavailable` if the connector remains unavailable; `InvalidInput` (reason `contract`,
    `too_large`, `unauthorized`, `source` or `timeout`) if the response is not one that a job can
    use.
    """

    def __init__(
        self,
        settings: ConnectorClientSettings,
        *,
        page_rows: int,
        deadline_s: float,
        attempts: int,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        super().__init__(
            settings,
            deadline_s=deadline_s, attempts=attempts, max_response_bytes=max_response_bytes,
        )  # fmt: skip
        self._page_rows = page_rows

    def pages(
        self,
        *,
        assets: Sequence[str],
        start: datetime,
        end: datetime,
        variables: tuple[str, ...],
        snapshot_s: int,
    ) -> Iterator[SamplePage]:
        """The samples of these assets with start <= timestamp < end. All rows of an asset follow
        each other, ordered by timestamp; the connector decides the order of the assets. Each page
        begins after the end of the previous one. All samples that an asset has in `snapshot_s`
        seconds, counted from the start, are on one page, as the source had them at one moment.
        """
        params: dict[str, Any] = {
            "start": start.isoformat(), "end": end.isoformat(),
            "variables": ",".join(variables),
            "limit": min(self._page_rows, PAGE_VALUES // (1 + len(variables))),
            "snapshot_s": snapshot_s,
        }  # fmt: skip
        if any(assets):
            params["asset"] = list(assets)  # exact names; the connector splits `assets` at commas
        order = PageOrder(assets, TimeRange(start, end), timedelta(seconds=snapshot_s))
        while True:
            page, cursor = self._page(params, assets, variables)
            if page.table.num_rows:
                order.require(page)
                yield page
            if cursor is None:
                return
            if not page.table.num_rows or cursor == params.get("cursor"):
                raise InvalidInput("contract", "the connector's pages do not advance")
            params["cursor"] = cursor

    def _page(
        self, params: Mapping[str, Any], assets: Sequence[str], variables: tuple[str, ...]
    ) -> tuple[SamplePage, str | None]:
        decode = partial(_decode, variables=variables)
        table, cursor = self.fetch("/data", params, ARROW, decode)
        return sample_page(table, assets, variables), cursor


def sample_page(table: pa.Table, assets: Sequence[str], variables: tuple[str, ...]) -> SamplePage:
    """The page of a response, whose rows have an asset column if several assets were requested;
    `InvalidInput` for other columns.
    """
    runs = [AssetRun(assets[0], 0, table.num_rows)] if table.num_rows else []
    if any(assets) and "asset" in table.column_names:
        runs = list(asset_runs(table["asset"]))
        table = table.drop_columns("asset")
    elif len(assets) > 1:
        raise InvalidInput("contract", "the connector sends rows without their asset")
    _require_columns(table.schema, variables)
    return SamplePage(table, runs)


def _decode(
    body: bytearray, headers: httpx.Headers, variables: tuple[str, ...]
) -> tuple[pa.Table, str | None]:
    """The table and the next cursor. The columns are checked before rows are read: some types need
    no bytes for any number of rows. Arrow reads a truncated body without an error, so the number of
    rows is compared with the one that the connector announced.
    """
    try:
        table = arrow_codec.read_stream(body, partial(_require_page_columns, variables=variables))
    except (pa.ArrowException, OSError) as error:
        raise Unreachable(f"connector: the body is not an Arrow stream: {error}") from None
    except arrow_codec.Unbounded as error:
        raise InvalidInput("contract", f"the connector sends {error}") from None
    expected = headers.get("minuano-rows")
    if expected is None:
        raise RetriedInput("contract", "the connector does not say how many rows it sends")
    if str(table.num_rows) != expected:
        raise Unreachable(f"connector: {table.num_rows} of {expected} rows arrived")
    return table, headers.get("minuano-next")


def _require_page_columns(schema: pa.Schema, variables: tuple[str, ...]) -> None:
    """Raise `InvalidInput` for other columns than those of a page, with or without the asset."""
    index = schema.get_field_index(ASSET.name)
    has_asset = index >= 0 and schema.field(index) == ASSET
    _require_columns(schema.remove(index) if has_asset else schema, variables)


def _require_columns(schema: pa.Schema, variables: tuple[str, ...]) -> None:
    """Raise `InvalidInput` for other columns than timestamp and variables."""
    expected = pa.schema([("timestamp", TIMESTAMP), *((v, pa.float64()) for v in variables)])
    if schema != expected:
        raise InvalidInput(
            "contract", f"the connector sends {schema}, not {expected}".replace("\n", ", ")
        )
