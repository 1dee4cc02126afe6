"""The pieces of work, each run by turns: A B A B, so that a slow minute of the machine hits all."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as midnight
from functools import partial

import httpx
from alembic import command
from sqlalchemy import Engine, create_engine

from bench import floor, plain
from bench.results import Results
from bench.rig import ROWS_A_DAY, START, Rig, span
from shared import database, schema

YEAR_DAYS = 365
PLAIN_DAYS = 30
CHANGED_EVERY = 10
PLAIN, FLOOR = "plain", "floor"
SHIPPED = (2, 1)
CONFIGURATIONS = ((1, 1), SHIPPED, (1, 2), (2, 2))
FIRST, AGAIN, CHANGED = "a year, first load", "a year again, unchanged", "10 % of days changed"
DECLARED = "a year, first load, declared foreign key"
DAY, FAST_DAY, FARM = "a day, idle", "a day at 10 Hz", "20 turbines, 30 days"
BY_DAYS, BY_ASSETS = "growth: {} days", "growth: {} turbines, 30 days"
DECLARED_KEY_REVISION = "0001"
PAUSE_S = 0.02

Tell = Callable[[str], None]


def minuano(aggregators: int, loaders: int) -> str:
    """What a contender with so many workers is called."""
    return f"minuano {aggregators}A {loaders}L"


def year(rig: Rig, results: Results, *, rounds: int, tell: Tell) -> None:
    """Everybody loads a year; what ships does so again, unchanged and with changes. Plain, which
    has the same cost each day, does a month of it.
    """
    url = rig.serve_plain()
    for n in range(rounds):
        tell(f"a year, round {n + 1} of {rounds}")
        _run_plain(rig, results, url)
        _run_floor(rig, results, FIRST)
        for aggregators, loaders in CONFIGURATIONS:
            _scale(rig, aggregators, loaders)
            _load(rig, results, FIRST, minuano(aggregators, loaders), YEAR_DAYS)
            if (aggregators, loaders) == SHIPPED:
                _load(rig, results, AGAIN, minuano(*SHIPPED), YEAR_DAYS, anew=False)
                change(rig)
                _load(rig, results, CHANGED, minuano(*SHIPPED), YEAR_DAYS, anew=False)


def declared_key(rig: Rig, results: Results, *, rounds: int, tell: Tell) -> None:
    """The same with the foreign key that PostgreSQL checks row by row."""
    with _declared_key(rig):
        for n in range(rounds):
            tell(f"a year with a declared foreign key, round {n + 1} of {rounds}")
            _run_floor(rig, results, DECLARED)
            for aggregators, loaders in ((1, 1), (1, 2)):
                _scale(rig, aggregators, loaders)
                _load(rig, results, DECLARED, minuano(aggregators, loaders), YEAR_DAYS)


def latency(rig: Rig, results: Results, *, times: int, tell: Tell) -> None:
    """From POST to committed, one day after the other, on an idle stack."""
    tell(f"one day, {times} times")
    _scale(rig, *SHIPPED)
    rig.empty()
    for n in range(times):
        started = time.perf_counter()
        rig.run_day(START + timedelta(days=n))
        results.latencies_ms.append((time.perf_counter() - started) * 1000)
        time.sleep(PAUSE_S)
    rig.empty()
    results.add(rig.measured(DAY, minuano(*SHIPPED), ROWS_A_DAY, partial(rig.run_day, START)))


def growth(rig: Rig, results: Results, *, days: tuple[int, ...], tell: Tell) -> None:
    """Whether a row costs the same in a small job and in a large one."""
    _scale(rig, *SHIPPED)
    for count in days:
        tell(f"{count} days")
        _load(rig, results, BY_DAYS.format(count), minuano(*SHIPPED), count)


def farm(rig: Rig, results: Results, *, assets: tuple[int, ...], rounds: int, tell: Tell) -> None:
    """Many turbines; 20 of them are a piece of work of its own."""
    for count in assets:
        names = [f"T{n:02d}" for n in range(1, count + 1)]
        request = {**span(rig.options.days), "assets": names}
        rows = count * rig.options.days * ROWS_A_DAY
        work = FARM if count == 20 else BY_ASSETS.format(count)
        for n in range(rounds if work == FARM else 1):
            tell(f"{count} turbines, round {n + 1}")
            rig.empty()
            results.add(rig.measured(work, minuano(*SHIPPED), rows, partial(rig.run_job, request)))


def fast_day(rig: Rig, results: Results, *, rounds: int, tell: Tell) -> None:
    """A day of one turbine, ten samples a second."""
    rows = round(86_400 / rig.options.period_s)
    for n in range(rounds):
        tell(f"a day at 10 Hz, round {n + 1} of {rounds}")
        rig.empty()
        job = partial(rig.run_job, {"date": START.isoformat()})
        results.add(rig.measured(FAST_DAY, minuano(*SHIPPED), rows, job))


def change(rig: Rig) -> None:
    """Change samples of every tenth day of the source."""
    rig.in_source(
        "UPDATE data SET power = power + 1 WHERE extract(minute FROM timestamp) = 7 "
        "AND extract(doy FROM timestamp)::int %% %s = 0",
        CHANGED_EVERY,
    )
    rig.in_source("VACUUM ANALYZE data")


def _load(
    rig: Rig, results: Results, work: str, contender: str, days: int, *, anew: bool = True
) -> None:
    if anew:
        rig.empty()
    job = partial(rig.run_job, span(days))
    results.add(rig.measured(work, contender, days * ROWS_A_DAY, job))


def _run_floor(rig: Rig, results: Results, work: str) -> None:
    rig.empty()
    year = partial(_floor_year, rig)
    results.add(rig.measured(work, FLOOR, YEAR_DAYS * ROWS_A_DAY, year))


def _floor_year(rig: Rig) -> None:
    floor.run(rig.addresses.source_url, rig.addresses.target_url, _instant(0), YEAR_DAYS)


def _run_plain(rig: Rig, results: Results, url: str) -> None:
    rig.empty()
    target = create_engine(database.sqlalchemy_url(rig.addresses.target_url))
    with httpx.Client(base_url=url, trust_env=False) as connector:
        plain.run_day(connector, target, _instant(PLAIN_DAYS))  # it is warm, as the others are
        month = partial(_plain_days, connector, target)
        results.add(rig.measured(FIRST, PLAIN, PLAIN_DAYS * ROWS_A_DAY, month))
    target.dispose()


def _plain_days(connector: httpx.Client, target: Engine) -> None:
    for n in range(PLAIN_DAYS):
        plain.run_day(connector, target, _instant(n))


def _scale(rig: Rig, aggregators: int, loaders: int) -> None:
    """Have so many workers, and let those that are new do something first."""
    rig.stack.scale("aggregator", aggregators)
    rig.stack.scale("loader", loaders)
    rig.run_job(span(min(rig.options.days, YEAR_DAYS) // 2 or 1))


@contextmanager
def _declared_key(rig: Rig) -> Iterator[None]:
    engine = database.connect(rig.addresses.owner_target_url, application="bench")
    rig.empty()
    with engine.begin() as connection:
        settings = schema.config()
        settings.attributes["connection"] = connection
        command.downgrade(settings, DECLARED_KEY_REVISION)
    try:
        yield
    finally:
        rig.empty()
        schema.upgrade(engine)
        engine.dispose()


def _instant(day: int) -> datetime:
    return datetime.combine(START + timedelta(days=day), midnight(), UTC)
