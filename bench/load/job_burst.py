"""Thousands of jobs at once, over HTTP and by XADD: every accepted job is done."""

import json
import time
from datetime import date, timedelta
from functools import partial
from itertools import count

from bench.harness import Harness
from bench.load.http_clients import Client, Responses, run_concurrently
from bench.load.resource_sampler import peaks, sizes
from bench.results import LoadResult
from shared.errors import MinuanoError

EMPTY_START, EMPTY_DAYS = date(2031, 1, 1), 365
"""Days without samples: their jobs pass through all stages and write no windows."""
DONE_WITHIN_S = 1_800.0
POLL_S = 0.5


def post_jobs(harness: Harness, *, jobs: int, clients: int, max_queued: int) -> list[LoadResult]:
    """So many jobs over HTTP. A job is refused while more than `max_queued` jobs wait."""
    harness.on_step(f"{jobs:,} jobs over HTTP")
    harness.empty()
    started = time.perf_counter()
    with peaks(partial(sizes, harness)) as highest:
        responses = _post(harness, jobs, clients)
        recorded = _jobs_in_ledger(harness)
        all_done = _wait_until_done(harness, responses.statuses[202])
    seconds = time.perf_counter() - started
    accepted, refused = responses.statuses[202], responses.statuses[503]
    held = (
        accepted + refused == responses.statuses.total() == jobs
        and recorded == accepted
        and not responses.without_retry_after
        and all_done
        and not harness.redis.xlen("minuano:dead")
    )
    republished = (harness.stack.logs / "extractor-1.log").read_text().count("job.lost")
    return [
        LoadResult(
            f"{jobs:,} `POST /jobs` by {clients} clients, each a day without samples",
            f"`MINUANO_MAX_QUEUED_JOBS` {max_queued:,}: more are answered 503 with Retry-After",
            f"{accepted:,} accepted, {refused:,} refused, {responses.per_s:,.0f}/s, "
            f"{responses.latency()}; all accepted jobs were done after {seconds:.0f} s; "
            f"extractor {highest['extractor-1']:.0f} MB",
            held,
        ),
        LoadResult(
            f"the same: {jobs:,} open jobs and the sweeper",
            "the sweeper publishes no job again that only waits",
            f"{republished} published again",
            republished == 0,
        ),
    ]


def add_jobs(harness: Harness, *, jobs: int) -> LoadResult:
    """So many jobs by XADD, as fast as Redis accepts them."""
    harness.on_step(f"{jobs:,} jobs by XADD")
    harness.empty()
    started = time.perf_counter()
    with peaks(partial(sizes, harness)) as highest:
        pipe = harness.redis.pipeline(transaction=False)
        for n in range(jobs):
            pipe.xadd("minuano:jobs", {"date": _day(n)})
        pipe.execute()
        all_done = _wait_until_done(harness, jobs)
    return LoadResult(
        f"{jobs:,} jobs by `XADD`",
        "every job is recorded once and ends",
        f"{_jobs_in_ledger(harness):,} in the ledger, all done after "
        f"{time.perf_counter() - started:.0f} s; extractor {highest['extractor-1']:.0f} MB",
        all_done and not harness.redis.xlen("minuano:dead"),
    )


def _post(harness: Harness, jobs: int, clients: int) -> Responses:
    numbers = count()

    def post(client: Client) -> None:
        # `next` of a count is atomic: every number is used once.
        while (n := next(numbers)) < jobs:
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"load-{n}"}
            client.request("POST", "/jobs", json.dumps({"date": _day(n)}), headers)

    return run_concurrently(harness.addresses.extractor_url, [post] * clients)


def _day(n: int) -> str:
    return (EMPTY_START + timedelta(days=n % EMPTY_DAYS)).isoformat()


def _jobs_in_ledger(harness: Harness) -> int:
    return int(harness.in_target("SELECT count(*) FROM etl.job")[0][0])


def _wait_until_done(harness: Harness, jobs: int) -> bool:
    """Wait until the streams are empty; return whether exactly so many jobs exist and are done."""
    deadline = time.monotonic() + DONE_WITHIN_S
    while any(harness.redis.xlen(f"minuano:{name}") for name in ("jobs", "raw", "stats")):
        if time.monotonic() > deadline:
            raise MinuanoError(f"{jobs:,} jobs have not ended; see {harness.stack.logs}")
        harness.on_step(f"{harness.redis.xlen('minuano:jobs'):,} jobs wait")
        time.sleep(POLL_S)
    states = harness.in_target("SELECT state, count(*) FROM etl.job_status GROUP BY state")
    return states == [("done", jobs)]
