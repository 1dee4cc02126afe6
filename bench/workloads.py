"""The workloads. Contenders take turns, A B A B, so that a slow minute of the machine hits all."""

import time
from datetime import UTC, datetime, timedelta
from datetime import time as midnight
from functools import partial

from bench import baseline_copy, baseline_naive
from bench.harness import Action, Harness, date_range
from bench.plan import SHIPPED, START, Plan
from bench.results import Results

CHANGED_EVERY = 10
NAIVE, COPY = "naive script", "COPY script"
FIRST, AGAIN, CHANGED = "a year, first load", "a year again, unchanged", "10 % of days changed"
DAY, FAST_DAY = "a day, idle", "a day at 10 Hz"
BY_DAYS, BY_ASSETS = "growth: {} days", "growth: {} turbines, 30 days"
DAY_S = 86_400
PAUSE_S, POLL_S = 0.02, 0.001


def minuano(aggregators: int, loaders: int) -> str:
    """The name of a contender with so many workers."""
    return f"minuano {aggregators}A {loaders}L"


SHIPPED_NAME = minuano(*SHIPPED)


def year(harness: Harness, results: Results, plan: Plan) -> None:
    """Every contender loads a year; the shipped configuration loads it again, unchanged and with
    changes. The naive script loads a month of it: each of its days costs the same.
    """
    connector_url = harness.naive_connector_url
    for n in range(plan.rounds):
        harness.on_step(f"a year, round {n + 1} of {plan.rounds}")
        _run_naive(harness, results, connector_url, plan.naive_days)
        _run_copy(harness, results, plan.year_days)
        for configuration in plan.configurations:
            _scale(harness, configuration, warm_days=plan.year_days)
            load = partial(_load, harness, results, days=plan.year_days)
            load(FIRST, minuano(*configuration))
            if configuration == SHIPPED:
                load(AGAIN, SHIPPED_NAME, empty=False)
                _change_source(harness)
                load(CHANGED, SHIPPED_NAME, empty=False)


def latency(harness: Harness, results: Results, plan: Plan) -> None:
    """The time from POST to commit, one day after the other, on an idle stack."""
    harness.on_step(f"one day, {plan.latency_runs} times")
    _scale(harness, SHIPPED, warm_days=plan.year_days)
    harness.empty()
    for n in range(plan.latency_runs):
        started = time.perf_counter()
        harness.run_job(date_range(1, first=n), poll_s=POLL_S)
        results.latencies_ms.append((time.perf_counter() - started) * 1000)
        time.sleep(PAUSE_S)
    _load(harness, results, DAY, SHIPPED_NAME, days=1)


def growth(harness: Harness, results: Results, plan: Plan) -> None:
    """Whether a row costs the same in a small job and in a large one."""
    _scale(harness, SHIPPED, warm_days=plan.year_days)
    for days in plan.days:
        harness.on_step(f"{days} days")
        _load(harness, results, BY_DAYS.format(days), SHIPPED_NAME, days=days)


def farm(harness: Harness, results: Results, plan: Plan) -> None:
    """Whether a row costs the same with one turbine and with many."""
    for count in plan.assets:
        harness.on_step(f"{count} turbines")
        assets = [f"T{n:02d}" for n in range(1, count + 1)]
        request = {**date_range(plan.farm_days), "assets": assets}
        rows = _rows(harness, plan.farm_days, count)
        job = partial(harness.run_job, request)
        _measure(harness, results, BY_ASSETS.format(count), SHIPPED_NAME, rows, job)


def fast_day(harness: Harness, results: Results, plan: Plan) -> None:
    """A day of the whole source: as shipped, one turbine with ten samples a second."""
    rows = _rows(harness, 1, harness.source.assets or 1)
    for n in range(plan.rounds):
        harness.on_step(f"a day at 10 Hz, round {n + 1} of {plan.rounds}")
        job = partial(harness.run_job, date_range(1))
        _measure(harness, results, FAST_DAY, SHIPPED_NAME, rows, job)


def _load(
    harness: Harness, results: Results, workload: str, contender: str, *, days: int, **options: bool
) -> None:
    job = partial(harness.run_job, date_range(days))
    _measure(harness, results, workload, contender, _rows(harness, days), job, **options)


def _measure(
    harness: Harness,
    results: Results,
    workload: str,
    contender: str,
    rows: int,
    action: Action,
    *,
    empty: bool = True,
) -> None:
    if empty:
        harness.empty()
    results.runs.append(harness.measure(workload, contender, rows, action))


def _run_copy(harness: Harness, results: Results, days: int) -> None:
    source_url, target_url = harness.addresses.source_url, harness.addresses.target_url
    script = partial(baseline_copy.run, source_url, target_url, _start_of_day(0), days)
    _measure(harness, results, FIRST, COPY, _rows(harness, days), script)


def _run_naive(harness: Harness, results: Results, connector_url: str, days: int) -> None:
    run = partial(baseline_naive.run, connector_url, harness.addresses.target_url)
    harness.empty()
    run(_start_of_day(days), 1)  # the other contenders have run before, too
    script = partial(run, _start_of_day(0), days)
    _measure(harness, results, FIRST, NAIVE, _rows(harness, days), script, empty=False)


def _change_source(harness: Harness) -> None:
    """Change samples of every tenth day of the source."""
    harness.in_source(
        "UPDATE data SET power = power + 1 WHERE extract(minute FROM timestamp) = 7 "
        "AND extract(doy FROM timestamp)::int %% %s = 0",
        CHANGED_EVERY,
    )
    harness.in_source("VACUUM ANALYZE data")


def _rows(harness: Harness, days: int, assets: int = 1) -> int:
    """The number of samples of so many days and turbines."""
    return round(DAY_S / harness.source.period_s) * days * assets


def _scale(harness: Harness, configuration: tuple[int, int], *, warm_days: int) -> None:
    """Run so many aggregators and loaders, and give the new ones some work before a measurement."""
    for service, count in zip(("aggregator", "loader"), configuration, strict=True):
        harness.stack.scale(service, count)
    harness.run_job(date_range(warm_days // 2 or 1))


def _start_of_day(n: int) -> datetime:
    return datetime.combine(START + timedelta(days=n), midnight(), UTC)
