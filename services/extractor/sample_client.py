"""The client of the connector: pages of samples, checked before they are believed."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import httpx
import numpy as np
import pyarrow as pa
import stamina
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from services.extractor.request_deadline import DeadlineTransport, deadline
from shared.domain.batches import TIMESTAMP
from shared.domain.time_range import utc_datetime64
from shared.errors import InvalidInput, Unavailable
from shared.http import app, problem_details

ARROW = "application/vnd.apache.arrow.stream"
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5.0, 15.0
WAIT_MIN_S, WAIT_MAX_S = 0.1, 2.0
MAX_PAGE_BYTES = 256 * 2**20
# What a page may hold at most, so that many variables need no more memory than few.
PAGE_VALUES = 1_000_000
REFUSED_KEY = (401, 403)
TOO_MANY = 429
TOO_LONG = 504


T = TypeVar("T")


class _Variable(BaseModel):
    name: str


_VARIABLES = TypeAdapter(list[_Variable])
_ASSETS = TypeAdapter(list[str])


class Unreachable(Unavailable):
    """An answer that may be better next time: none at all, a cut one, 429 or 5xx."""


class SampleClient:
    """Reads samples through the connector's HTTP API. Raises `Outage` when it stays away and
    `Rejected` (reason `contract`, `unauthorized`) when it answers what it never should.
    """

    def __init__(
        self,
        url: str,
        key: SecretStr | None,
        *,
        page_rows: int,
        deadline_s: float,
        attempts: int,
        max_page_bytes: int = MAX_PAGE_BYTES,
    ) -> None:
        self._max_page_bytes = max_page_bytes
        self._page_rows, self._deadline_s, self._attempts = page_rows, deadline_s, attempts
        self._client = httpx.Client(
            base_url=url,
            headers=app.bearer(key),
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            # Nor does it look at the environment: a proxy there is for the world outside.
            transport=DeadlineTransport(),
        )

    def variables(self) -> list[str]:
        """The names of all variables of the source."""
        return [variable.name for variable in self._json("/variables", _VARIABLES)]

    def assets(self) -> list[str]:
        """The ids of all assets of the source."""
        return self._json("/assets", _ASSETS)

    def close(self) -> None:
        """Close what is idle."""
        self._client.close()

    def check(self) -> None:
        """Raise `Outage` unless the connector is ready."""
        try:
            with deadline(READ_TIMEOUT_S):
                answer = self._client.get("/health/ready")
        except httpx.TransportError as error:
            raise Unavailable(f"connector: {error or type(error).__name__}") from None
        if not answer.is_success:  # httpx's own text would show the URL, and a password in it
            raise Unavailable(f"connector answers {answer.status_code}")

    def pages(
        self, *, asset: str, start: datetime, end: datetime, variables: tuple[str, ...]
    ) -> Iterator[pa.Table]:
        """The samples of one asset with start <= stamp < end, in the order of their stamps, as
        tables of `timestamp` and the variables. Each page begins after the one before.
        """
        query: dict[str, Any] = {
            "start": start.isoformat(), "end": end.isoformat(),
            "variables": ",".join(variables),
            "limit": min(self._page_rows, PAGE_VALUES // (1 + len(variables))),
        }  # fmt: skip
        if asset:
            query["asset"] = asset  # verbatim; `assets` is split at commas
        after = None
        while True:
            table, cursor = self._page(query, asset, variables)
            if table.num_rows:
                _check_stamps(table["timestamp"], start=start, end=end, after=after)
                after = table["timestamp"].to_numpy()[-1]
                yield table
            if cursor is None:
                return
            if not table.num_rows or cursor == query.get("cursor"):
                raise InvalidInput("contract", "the connector's pages do not move on")
            query["cursor"] = cursor

    def _page(
        self, query: Mapping[str, Any], asset: str, variables: tuple[str, ...]
    ) -> tuple[pa.Table, str | None]:
        for attempt in self._tries():
            with attempt:
                body, headers = self._get("/data", query, ARROW)
                table = _decode(body, headers)
        return _columns(table, asset, variables), headers.get("minuano-next")

    def _json(self, path: str, shape: TypeAdapter[T]) -> T:
        for attempt in self._tries():
            with attempt:
                body, _ = self._get(path, {}, "application/json")
                try:
                    value = json.loads(body)
                except ValueError:
                    raise Unreachable(f"connector: {path} is no JSON") from None
        try:
            return shape.validate_python(value)
        except ValidationError:
            raise InvalidInput("contract", f"the connector's {path} has another shape") from None

    def _tries(self) -> Iterable[stamina.Attempt]:
        return stamina.retry_context(
            on=Unreachable,
            attempts=self._attempts,
            timeout=None,
            wait_initial=WAIT_MIN_S,
            wait_max=WAIT_MAX_S,
        )

    def _get(self, path: str, query: Mapping[str, Any], accept: str) -> tuple[bytes, httpx.Headers]:
        body = bytearray()
        try:
            with (
                deadline(self._deadline_s),
                self._client.stream(
                    "GET", path, params=query, headers={"Accept": accept}
                ) as response,
            ):
                for piece in response.iter_bytes():
                    body += piece
                    self._check_size(len(body))
        except httpx.RequestError as error:
            raise Unreachable(f"connector: {error or type(error).__name__}") from None
        _check_status(response, bytes(body))
        return bytes(body), response.headers

    def _check_size(self, size: int) -> None:
        if size > self._max_page_bytes:
            raise InvalidInput(
                "contract", f"a page of the connector exceeds {self._max_page_bytes} bytes"
            )


def _check_status(response: httpx.Response, body: bytes) -> None:
    if response.is_success:
        return
    said = f"connector answers {response.status_code}: {body[:300].decode(errors='replace')}"
    if response.status_code == TOO_LONG and _is_problem(response):
        raise InvalidInput("timeout", said)
    if response.status_code == TOO_MANY or response.is_server_error:
        raise Unreachable(said)
    if response.status_code in REFUSED_KEY:
        raise InvalidInput("unauthorized", f"{said}; MINUANO_API_KEY has to be one of its keys")
    raise InvalidInput("contract", said)


def _is_problem(response: httpx.Response) -> bool:
    """Whether the connector itself answers, not a gateway in between."""
    kind: str = response.headers.get("content-type", "")
    return kind.startswith(problem_details.MEDIA_TYPE)


def _decode(body: bytes, headers: httpx.Headers) -> pa.Table:
    """A body that was cut is no error to Arrow; the promised number of rows tells."""
    try:
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise Unreachable(f"connector: no Arrow stream: {error}") from None
    if str(table.num_rows) != headers.get("minuano-rows"):
        raise Unreachable(f"connector: {table.num_rows} rows came of {headers.get('minuano-rows')}")
    return table


def _columns(table: pa.Table, asset: str, variables: tuple[str, ...]) -> pa.Table:
    schema = pa.schema([("timestamp", TIMESTAMP), *((v, pa.float64()) for v in variables)])
    if asset and "asset" in table.column_names:
        strangers = set(table["asset"].unique().to_pylist()) - {asset}
        if strangers:
            raise InvalidInput("contract", f"asset {asset} was asked for, {strangers.pop()} came")
        table = table.drop_columns("asset")
    if table.schema != schema:
        raise InvalidInput(
            "contract", f"the connector sends {table.schema}, not {schema}".replace("\n", ", ")
        )
    return table


def _check_stamps(
    stamps: pa.ChunkedArray, *, start: datetime, end: datetime, after: np.datetime64 | None
) -> None:
    """All of them in the range asked for, in order, and later than the page before."""
    values = stamps.to_numpy()
    in_order = bool((values[1:] >= values[:-1]).all())
    in_range = utc_datetime64(start) <= values[0] and values[-1] < utc_datetime64(end)
    if stamps.null_count or not in_order or not in_range:
        raise InvalidInput(
            "contract", "the connector sends rows outside the range, or out of order"
        )
    if after is not None and values[0] <= after:
        raise InvalidInput("contract", "the connector's pages do not move on")
