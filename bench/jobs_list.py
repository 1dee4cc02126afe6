"""How fast jobs are listed when the ledger holds many slices."""

import time

import httpx

from bench.harness import Harness
from bench.plan import Plan
from bench.results import Results

REQUEST_TIMEOUT_S = 60.0
COPY_JOB = """
    INSERT INTO etl.job OVERRIDING SYSTEM VALUE
    SELECT copy.*
    FROM etl.job j, generate_series(1, %(jobs)s) n,
    jsonb_populate_record(NULL::etl.job, to_jsonb(j) || jsonb_build_object(
        'id', j.id + n,
        'first_day', j.first_day - n * %(days)s, 'last_day', j.last_day - (n - 1) * %(days)s - 1,
        'slices_total', j.slices_total * %(days)s, 'loaded', j.slices_total * %(days)s,
        'done_at', j.created_at
    )) copy
    WHERE j.id = %(job)s
"""
NEXT_JOB = "SELECT setval(pg_get_serial_sequence('etl.job', 'id'), max(id)) FROM etl.job"
COPY_SLICES = """
    INSERT INTO etl.slice
    SELECT copy.*
    FROM etl.slice s, generate_series(0, %(jobs)s * %(days)s - 1) n,
    jsonb_populate_record(NULL::etl.slice, to_jsonb(s) || jsonb_build_object(
        'job_id', s.job_id + 1 + n / %(days)s,
        'start', s.start - (n + 1) * interval '1 day', 'end', s."end" - (n + 1) * interval '1 day'
    )) copy
    WHERE s.job_id = %(job)s
"""


def measure(harness: Harness, results: Results, plan: Plan) -> None:
    """Copy the newest job, which has loaded one day, into jobs of many days before it; then
    request the lists.
    """
    harness.on_step("a ledger of many slices")
    ((job,),) = harness.in_target("SELECT max(id) FROM etl.job")
    numbers = {"job": job, "jobs": plan.listed_jobs, "days": plan.listed_days}
    harness.in_target(COPY_JOB, **numbers)
    harness.in_target(COPY_SLICES, **numbers)
    harness.in_target(NEXT_JOB)
    harness.in_target("VACUUM ANALYZE etl.slice, etl.job")
    extractor, dashboard = harness.addresses.extractor_url, harness.dashboard_url
    urls = {
        "`GET /jobs`": f"{extractor}/jobs",
        "jobs page": f"{dashboard}/jobs",
        "overview page": f"{dashboard}/",
    }
    with httpx.Client(timeout=REQUEST_TIMEOUT_S, trust_env=False) as http:
        for name, url in urls.items():
            http.get(url).raise_for_status()  # the first request of a page is slower
            results.responses_ms[name] = [_time_ms(http, url) for _ in range(plan.requests)]


def _time_ms(http: httpx.Client, url: str) -> float:
    started = time.perf_counter()
    http.get(url).raise_for_status()
    return (time.perf_counter() - started) * 1000
