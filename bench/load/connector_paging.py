"""Many concurrent clients of the connector, each of which pages through a day."""

import time
from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

from bench.harness import ROWS_PER_DAY, Harness
from bench.load.http_clients import Client, probing, run_concurrently
from bench.load.resource_sampler import peaks, sizes
from bench.plan import START
from bench.results import LoadResult

PAGE_ROWS = 200
FORMATS = {"Arrow": "application/vnd.apache.arrow.stream", "JSON": "application/json"}
SOURCE_CONNECTIONS, REFLECTING = 8, 4
"""`MINUANO_SOURCE_CONNECTIONS` as shipped; and the connections that read the table's columns."""


def page_days(harness: Harness, *, clients: int) -> list[LoadResult]:
    """Each client reads a day, page by page, in each of the formats."""
    return [_page_days(harness, clients, name, accept) for name, accept in FORMATS.items()]


def _page_days(harness: Harness, clients: int, name: str, accept: str) -> LoadResult:
    harness.on_step(f"{clients} clients page through a day as {name}")
    rows: list[int] = []
    url = harness.addresses.connector_url

    def page_through(day: int, client: Client) -> None:
        rows.append(_rows_of_day(client, day, accept))

    tasks = [partial(page_through, n % harness.source.days) for n in range(clients)]
    with peaks(partial(sizes, harness)) as highest, probing(url, "/health/live") as probe:
        responses = run_concurrently(url, tasks)
    held = (
        rows == [ROWS_PER_DAY] * clients
        and set(responses.statuses) <= {200, 503}
        and not responses.without_retry_after
        and highest["connections"] <= SOURCE_CONNECTIONS + REFLECTING
    )
    return LoadResult(
        f"{clients} clients page through a day as {name}, {PAGE_ROWS} rows per page",
        f"`MINUANO_SOURCE_CONNECTIONS` {SOURCE_CONNECTIONS}, and {REFLECTING} to read the columns; "
        "a request that waits 10 s for a connection is answered 503 with Retry-After",
        f"{responses.statuses[200]:,} pages, {responses.statuses[503]} refused, "
        f"{responses.per_s:,.0f}/s, {responses.latency()}; "
        f"{highest['connections']:.0f} connections, connector {highest['connector-1']:.0f} MB; "
        f"`/health/live` meanwhile {probe.latency()}",
        held,
    )


def _rows_of_day(client: Client, day: int, accept: str) -> int:
    """The number of rows of all pages of a day."""
    start = (START + timedelta(days=day)).isoformat()
    params, rows = {"start": start, "limit": str(PAGE_ROWS)}, 0
    while True:
        path = f"/data?{urlencode(params)}"
        status, headers = client.request("GET", path, headers={"Accept": accept})
        if status == 503:
            time.sleep(float(headers["Retry-After"]))
            continue
        if status != 200:
            return rows
        rows += int(headers["Minuano-Rows"])
        if not headers["Minuano-Next"]:
            return rows
        params["cursor"] = headers["Minuano-Next"]
