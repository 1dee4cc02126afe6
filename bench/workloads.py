"""The pieces of work, each run by turns: A B A B, so that a slow minute of the machine hits all."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as midnight
from functools import partial

import httpx
from sqlalchemy import Engine, create_engine

from bench import baseline_copy, baseline_naive
from bench.declared_key import declared_key
from bench.harness import START, Harness, span
from bench.plan import SHIPPED, Plan
from bench.results import Results
from shared.postgres.urls import sqlalchemy_url

CHANGED_EVERY = 10
PLAIN, FLOOR = "plain", "floor"
FIRST, AGAIN, CHANGED = "a year, first load", "a year again, unchanged", "10 % of days changed"
DECLARED = "a year, first load, declared foreign key"
DAY, FAST_DAY, FARM = "a day, idle", "a day at 10 Hz", "20 turbines, 30 days"
BY_DAYS, BY_ASSETS = "growth: {} days", "growth: {} turbines, 30 days"
FARM_ASSETS = 20
DAY_S = 86_400
PAUSE_S = 0.02

Tell = Callable[[str], None]


def minuano(aggregators: int, loaders: int) -> str:
    """What a contender with so many workers is called."""
    return f"minuano {aggregators}A {loaders}L"


def year(rig: Harness, results: Results, plan: Plan, tell: Tell) -> None:
    """Everybody loads a year; what ships does so again, unchanged and with changes. Plain, which
    has the same cost each day, does a month of it.
    """
    url = rig.serve_plain()
    for n in range(plan.rounds):
        tell(f"a year, round {n + 1} of {plan.rounds}")
        _run_plain(rig, results, url, plan.plain_days)
        _run_floor(rig, results, FIRST, plan.year_days)
        for aggregators, loaders in plan.configurations:
            _scale(rig, aggregators, loaders, warm_days=plan.year_days)
            _load(rig, results, FIRST, minuano(aggregators, loaders), plan.year_days)
            if (aggregators, loaders) == SHIPPED:
                _load(rig, results, AGAIN, minuano(*SHIPPED), plan.year_days, anew=False)
                change(rig)
                _load(rig, results, CHANGED, minuano(*SHIPPED), plan.year_days, anew=False)


def with_declared_key(rig: Harness, results: Results, plan: Plan, tell: Tell) -> None:
    """The same with the foreign key that PostgreSQL checks row by row."""
    rig.empty()
    with declared_key(rig.in_target):
        for n in range(plan.rounds):
            tell(f"a year with a declared foreign key, round {n + 1} of {plan.rounds}")
            _run_floor(rig, results, DECLARED, plan.year_days)
            for aggregators, loaders in plan.declared_configurations:
                _scale(rig, aggregators, loaders, warm_days=plan.year_days)
                _load(rig, results, DECLARED, minuano(aggregators, loaders), plan.year_days)
        rig.empty()


def latency(rig: Harness, results: Results, plan: Plan, tell: Tell) -> None:
    """From POST to committed, one day after the other, on an idle stack."""
    tell(f"one day, {plan.times} times")
    _scale(rig, *SHIPPED, warm_days=plan.year_days)
    rig.empty()
    for n in range(plan.times):
        started = time.perf_counter()
        rig.run_day(START + timedelta(days=n))
        results.latencies_ms.append((time.perf_counter() - started) * 1000)
        time.sleep(PAUSE_S)
    rig.empty()
    results.add(rig.measured(DAY, minuano(*SHIPPED), _rows(rig, 1), partial(rig.run_day, START)))


def growth(rig: Harness, results: Results, plan: Plan, tell: Tell) -> None:
    """Whether a row costs the same in a small job and in a large one."""
    _scale(rig, *SHIPPED, warm_days=plan.year_days)
    for days in plan.days:
        tell(f"{days} days")
        _load(rig, results, BY_DAYS.format(days), minuano(*SHIPPED), days)


def farm(rig: Harness, results: Results, plan: Plan, tell: Tell) -> None:
    """Many turbines; 20 of them are a piece of work of its own."""
    for count in plan.assets:
        names = [f"T{n:02d}" for n in range(1, count + 1)]
        job = partial(rig.run_job, {**span(plan.farm_days), "assets": names})
        rows = _rows(rig, plan.farm_days, assets=count)
        work = FARM if count == FARM_ASSETS else BY_ASSETS.format(count)
        for n in range(plan.rounds if work == FARM else 1):
            tell(f"{count} turbines, round {n + 1}")
            rig.empty()
            results.add(rig.measured(work, minuano(*SHIPPED), rows, job))


def fast_day(rig: Harness, results: Results, plan: Plan, tell: Tell) -> None:
    """A day of everything there is, which is one turbine with ten samples a second."""
    rows = _rows(rig, 1, assets=rig.options.assets or 1)
    for n in range(plan.rounds):
        tell(f"a day at 10 Hz, round {n + 1} of {plan.rounds}")
        rig.empty()
        job = partial(rig.run_job, {"date": START.isoformat()})
        results.add(rig.measured(FAST_DAY, minuano(*SHIPPED), rows, job))


def change(rig: Harness) -> None:
    """Change samples of every tenth day of the source."""
    rig.in_source(
        "UPDATE data SET power = power + 1 WHERE extract(minute FROM timestamp) = 7 "
        "AND extract(doy FROM timestamp)::int %% %s = 0",
        CHANGED_EVERY,
    )
    rig.in_source("VACUUM ANALYZE data")


def _rows(rig: Harness, days: int, *, assets: int = 1) -> int:
    """How many samples so many days of so many turbines have."""
    return round(DAY_S / rig.options.period_s) * days * assets


def _load(
    rig: Harness, results: Results, work: str, contender: str, days: int, *, anew: bool = True
) -> None:
    if anew:
        rig.empty()
    job = partial(rig.run_job, span(days))
    results.add(rig.measured(work, contender, _rows(rig, days), job))


def _run_floor(rig: Harness, results: Results, work: str, days: int) -> None:
    rig.empty()
    load = partial(_floor_days, rig, days)
    results.add(rig.measured(work, FLOOR, _rows(rig, days), load))


def _floor_days(rig: Harness, days: int) -> None:
    baseline_copy.run(rig.addresses.source_url, rig.addresses.target_url, _instant(0), days)


def _run_plain(rig: Harness, results: Results, url: str, days: int) -> None:
    rig.empty()
    target = create_engine(sqlalchemy_url(rig.addresses.target_url))
    with httpx.Client(base_url=url, trust_env=False) as connector:
        baseline_naive.run_day(connector, target, _instant(days))  # it is warm, as the others are
        load = partial(_plain_days, connector, target, days)
        results.add(rig.measured(FIRST, PLAIN, _rows(rig, days), load))
    target.dispose()


def _plain_days(connector: httpx.Client, target: Engine, days: int) -> None:
    for n in range(days):
        baseline_naive.run_day(connector, target, _instant(n))


def _scale(rig: Harness, aggregators: int, loaders: int, *, warm_days: int) -> None:
    """Have so many workers, and let those that are new do something first."""
    rig.stack.scale("aggregator", aggregators)
    rig.stack.scale("loader", loaders)
    rig.run_job(span(warm_days // 2 or 1))


def _instant(day: int) -> datetime:
    return datetime.combine(START + timedelta(days=day), midnight(), UTC)
