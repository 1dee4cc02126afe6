"""Many clients at the connector, each of which pages a day."""

import time
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

from bench.harness import ROWS_A_DAY, START, Harness
from bench.load.http_clients import Client, at_once, probing
from bench.load.resource_sampler import memory, peaks, sessions
from bench.load.result import Limit

PAGE_ROWS = 200
FORMATS = {"Arrow": "application/vnd.apache.arrow.stream", "JSON": "application/json"}
SOURCE_CONNECTIONS, REFLECTING = 8, 4
"""`MINUANO_SOURCE_CONNECTIONS` as shipped; and those that look at the source's columns."""


def paged(rig: Harness, *, clients: int, tell: Callable[[str], None]) -> list[Limit]:
    """Each client reads another day, page by page, in each of the formats."""
    return [_paged(rig, clients, name, kind, tell) for name, kind in FORMATS.items()]


def _paged(rig: Harness, clients: int, name: str, kind: str, tell: Callable[[str], None]) -> Limit:
    tell(f"{clients} clients page a day as {name}")
    rows: list[int] = []
    url = rig.addresses.connector_url

    def work_of(n: int) -> Callable[[Client], None]:
        return lambda client: rows.append(_page_a_day(client, n % rig.options.days, kind))

    with (
        sessions(rig) as connections,
        peaks(lambda: memory(rig), connections) as highest,
        probing(url, "/health/live") as other,
    ):
        heard = at_once(url, [work_of(n) for n in range(clients)])
    held = (
        rows == [ROWS_A_DAY] * clients
        and set(heard.statuses) <= {200, 503}
        and not heard.untold
        and highest["sessions"] <= SOURCE_CONNECTIONS + REFLECTING
    )
    return Limit(
        f"{clients} clients at the connector, each pages a day as {name}, {PAGE_ROWS} rows a page",
        f"`MINUANO_SOURCE_CONNECTIONS` {SOURCE_CONNECTIONS}, and {REFLECTING} to look at columns; "
        "what waits 10 s for one is answered 503 with Retry-After",
        f"{heard.statuses[200]:,} pages, {heard.statuses[503]} refused, {heard.per_s:,.0f}/s, "
        f"p50 {heard.ms(0.5):.0f} ms, p99 {heard.ms(0.99):.0f} ms; "
        f"{highest['sessions']:.0f} connections, connector {highest['connector-1']:.0f} MB; "
        f"`/health/live` meanwhile p99 {other.ms(0.99):.0f} ms",
        held,
    )  # fmt: skip


def _page_a_day(client: Client, day: int, kind: str) -> int:
    """How many rows the pages of a day have together."""
    start = (START + timedelta(days=day)).isoformat()
    asked, rows = {"start": start, "limit": str(PAGE_ROWS)}, 0
    while True:
        status, headers = client.ask("GET", f"/data?{urlencode(asked)}", Accept=kind)
        if status == 503:
            time.sleep(float(headers["Retry-After"]))
            continue
        if status != 200:
            return rows
        rows += int(headers["Minuano-Rows"])
        if not headers["Minuano-Next"]:
            return rows
        asked["cursor"] = headers["Minuano-Next"]
