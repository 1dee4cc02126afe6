"""Thousands of jobs at once, over HTTP and by XADD: what was accepted ends, and all is told."""

import json
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count

from bench.harness import Harness
from bench.load.http_clients import Client, Responses, at_once
from bench.load.resource_sampler import memory, peaks
from bench.load.result import Limit
from shared.errors import MinuanoError

EMPTY = date(2031, 1, 1)
"""Days without samples begin here: their jobs take the whole way, and write nothing."""
EMPTY_DAYS = 365
DONE_WITHIN_S = 1_800.0
POLL_S = 0.5
PIPELINE = 500


def posted(
    rig: Harness, *, jobs: int, clients: int, max_waiting: int, tell: Callable[[str], None]
) -> list[Limit]:
    """So many jobs over HTTP. What finds more than `max_waiting` jobs waiting is refused."""
    tell(f"{jobs:,} jobs over HTTP")
    rig.empty()
    started = time.perf_counter()
    with peaks(lambda: memory(rig)) as highest:
        heard = _post(rig, jobs, clients)
        entered = _in_ledger(rig)
        all_done = _done(rig, heard.statuses[202], tell)
    took_s = time.perf_counter() - started
    held = (
        set(heard.statuses) <= {202, 503}
        and heard.statuses.total() == jobs
        and entered == heard.statuses[202]
        and not heard.untold
        and all_done
        and not rig.redis.xlen("minuano:dead")
    )
    return [
        Limit(
            f"{jobs:,} `POST /jobs` by {clients} clients, each a day without samples",
            f"`MINUANO_MAX_QUEUED_JOBS` {max_waiting:,}: more are answered 503 with Retry-After",
            f"{heard.statuses[202]:,} accepted, {heard.statuses[503]:,} refused, "
            f"{heard.per_s:,.0f}/s, p50 {heard.ms(0.5):.0f} ms, p99 {heard.ms(0.99):.0f} ms; "
            f"all accepted were done after {took_s:.0f} s; "
            f"extractor {highest['extractor-1']:.0f} MB",
            held,
        ),
        _swept(rig, jobs),
    ]  # fmt: skip


def added(rig: Harness, *, jobs: int, tell: Callable[[str], None]) -> Limit:
    """So many jobs by XADD, as fast as Redis takes them."""
    tell(f"{jobs:,} jobs by XADD")
    rig.empty()
    started = time.perf_counter()
    with peaks(lambda: memory(rig)) as highest:
        for first in range(0, jobs, PIPELINE):
            pipe = rig.redis.pipeline(transaction=False)
            for n in range(first, min(first + PIPELINE, jobs)):
                pipe.xadd("minuano:jobs", {"date": _day(n)})
            pipe.execute()
        all_done = _done(rig, jobs, tell)
    took_s = time.perf_counter() - started
    return Limit(
        f"{jobs:,} jobs by `XADD`", "every one is entered once and ends",
        f"{_in_ledger(rig):,} in the ledger, all done after {took_s:.0f} s; "
        f"extractor {highest['extractor-1']:.0f} MB",
        all_done and not rig.redis.xlen("minuano:dead"),
    )  # fmt: skip


def _post(rig: Harness, jobs: int, clients: int) -> Responses:
    numbers = count()

    def work(client: Client) -> None:
        # `next` of a count is atomic: every number is used once.
        while (n := next(numbers)) < jobs:
            client.ask(
                "POST", "/jobs", json.dumps({"date": _day(n)}),
                Content_Type="application/json", Idempotency_Key=f"limits-{n}",
            )  # fmt: skip

    return at_once(rig.addresses.extractor_url, [work] * clients)


def _day(n: int) -> str:
    return (EMPTY + timedelta(days=n % EMPTY_DAYS)).isoformat()


def _in_ledger(rig: Harness) -> int:
    ((found,),) = rig.in_target("SELECT count(*) FROM etl.job")
    return int(found)


def _done(rig: Harness, jobs: int, tell: Callable[[str], None]) -> bool:
    """Whether exactly so many jobs are there and done, when the streams are empty."""
    until = time.monotonic() + DONE_WITHIN_S
    while any(rig.redis.xlen(f"minuano:{name}") for name in ("jobs", "raw", "stats")):
        if time.monotonic() > until:
            raise MinuanoError(f"{jobs:,} jobs have not ended; see {rig.stack.logs}")
        tell(f"{rig.redis.xlen('minuano:jobs'):,} jobs wait")
        time.sleep(POLL_S)
    states = rig.in_target("SELECT state, count(*) FROM etl.job_status GROUP BY state")
    return states == [("done", jobs)]


def _swept(rig: Harness, jobs: int) -> Limit:
    """What waits is not lost: the sweeper has to leave it alone."""
    log = (rig.stack.logs / "extractor-1.log").read_text()
    again = log.count("job.lost")
    return Limit(
        f"the same: {jobs:,} open jobs before the sweeper", "it publishes nothing that only waits",
        f"{again} published again", again == 0,
    )  # fmt: skip
