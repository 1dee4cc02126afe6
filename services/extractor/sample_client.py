"""The client of the connector: pages of samples, each of them validated."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from services.extractor.retrying_client import RetryingClient, Unreachable
from shared.clients.settings import ConnectorClientSettings
from shared.domain.batches import TIMESTAMP
from shared.domain.time_range import utc_datetime64
from shared.errors import InvalidInput
from shared.http.content_negotiation import ARROW

MAX_RESPONSE_BYTES = 256 * 2**20
# The most values of one page, so that many variables need no more memory than few.
PAGE_VALUES = 1_000_000


class SampleClient(RetryingClient):
    """Reads samples from the connector.

    Raises `Unavailable` if the connector remains unavailable; `InvalidInput` (reason `contract`,
    `unauthorized` or `timeout`) if the response is not one that the connector may send.
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
        self, *, asset: str, start: datetime, end: datetime, variables: tuple[str, ...]
    ) -> Iterator[pa.Table]:
        """The samples of one asset with start <= timestamp < end, ordered by timestamp, as tables
        of `timestamp` and the variables. Each page begins after the end of the previous one.
        """
        params: dict[str, Any] = {
            "start": start.isoformat(), "end": end.isoformat(),
            "variables": ",".join(variables),
            "limit": min(self._page_rows, PAGE_VALUES // (1 + len(variables))),
        }  # fmt: skip
        if asset:
            params["asset"] = asset  # the exact name; the connector splits `assets` at commas
        last = None
        while True:
            table, cursor = self._page(params, asset, variables)
            if table.num_rows:
                _check_timestamps(table["timestamp"], start=start, end=end, after=last)
                last = table["timestamp"].to_numpy()[-1]
                yield table
            if cursor is None:
                return
            if not table.num_rows or cursor == params.get("cursor"):
                raise InvalidInput("contract", "the connector's pages do not advance")
            params["cursor"] = cursor

    def _page(
        self, params: Mapping[str, Any], asset: str, variables: tuple[str, ...]
    ) -> tuple[pa.Table, str | None]:
        table, cursor = self.fetch("/data", params, ARROW, _decode)
        return _require_columns(table, asset, variables), cursor


def _decode(body: bytes, headers: httpx.Headers) -> tuple[pa.Table, str | None]:
    """The table and the next cursor. Arrow reads a truncated body without an error, so the number
    of rows is compared with the one that the connector announced.
    """
    try:
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise Unreachable(f"connector: the body is not an Arrow stream: {error}") from None
    expected = headers.get("minuano-rows")
    if str(table.num_rows) != expected:
        raise Unreachable(f"connector: {table.num_rows} of {expected} rows arrived")
    return table, headers.get("minuano-next")


def _require_columns(table: pa.Table, asset: str, variables: tuple[str, ...]) -> pa.Table:
    """The table without its asset column; `InvalidInput` for other assets or other columns."""
    schema = pa.schema([("timestamp", TIMESTAMP), *((v, pa.float64()) for v in variables)])
    if asset and "asset" in table.column_names:
        others = set(table["asset"].unique().to_pylist()) - {asset}
        if others:
            raise InvalidInput(
                "contract", f"the connector sends asset {others.pop()} instead of {asset}"
            )
        table = table.drop_columns("asset")
    if table.schema != schema:
        raise InvalidInput(
            "contract", f"the connector sends {table.schema}, not {schema}".replace("\n", ", ")
        )
    return table


def _check_timestamps(
    timestamps: pa.ChunkedArray, *, start: datetime, end: datetime, after: np.datetime64 | None
) -> None:
    """`InvalidInput` unless all are in the range, in order, and later than the previous page."""
    values = timestamps.to_numpy()
    in_order = bool((values[1:] >= values[:-1]).all())
    in_range = utc_datetime64(start) <= values[0] and values[-1] < utc_datetime64(end)
    if timestamps.null_count or not in_order or not in_range:
        raise InvalidInput(
            "contract", "the connector sends rows that are outside the range or out of order"
        )
    if after is not None and values[0] <= after:
        raise InvalidInput("contract", "the connector's pages do not advance")
