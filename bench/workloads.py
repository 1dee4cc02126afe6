"""The workloads. Contenders take turns, A B A B, so that a slow minute of the machine hits all."""

import time
from collections.abc import Callable, Iterable

from bench import jobs_list
from bench.contest import (
    DUCKDB,
    FDW,
    FLOOR,
    MINUANO,
    MINUANO_CHANGED,
    NAIVE,
    PANDAS,
    Contest,
)
from bench.plan import Plan, Workload
from bench.source_table import variables
from bench.work import Work

SCRIPTS = (PANDAS, FDW, DUCKDB, FLOOR)
CHANGED_EVERY = 10
FIRST, AGAIN, CHANGED = (
    "a year of one turbine", "the year again, unchanged", "the year again, 10 % of days changed",
)  # fmt: skip
NIGHT, MONTH = "1,000 turbines, 1 day, in one job", "20 turbines, 30 days"
WIDE, TEN_HZ = "50 variables, 90 days", "a day at 10 Hz"
DAY, DAYS, SLICES = "one day", "growth: {} days", "growth: {:,} slices"
PAUSE_S, POLL_S = 0.02, 0.001

RunWorkload = Callable[[Contest, Plan], None]


def year(contest: Contest, plan: Plan) -> None:
    """Every contender loads a year; those that can load it again, unchanged and with changes."""
    work = Work.all_of(plan.part(Workload.YEAR))
    minuano = (MINUANO, MINUANO_CHANGED) if contest.knows_only_changed() else (MINUANO,)
    contenders = (*SCRIPTS, *minuano)
    contest.prepare(work, (NAIVE, *contenders))
    if plan.naive_year:
        contest.run(FIRST, NAIVE, work)  # so slow that one run is enough
    for _ in range(plan.rounds):
        for contender in contenders:
            contest.run(FIRST, contender, work)
            if contender == FLOOR:  # it cannot be run twice
                continue
            contest.run(AGAIN, contender, work, empty=False)
            _change_source(contest, work)
            contest.run(CHANGED, contender, work, empty=False)
            _change_source(contest, work)


def farm(contest: Contest, plan: Plan) -> None:
    _compete(contest, plan, NIGHT, Work.all_of(plan.part(Workload.FARM)))


def month(contest: Contest, plan: Plan) -> None:
    _compete(contest, plan, MONTH, Work.all_of(plan.part(Workload.MONTH)))


def wide(contest: Contest, plan: Plan) -> None:
    work = Work.all_of(plan.part(Workload.VARIABLES), variables(plan.variables))
    _compete(contest, plan, WIDE, work)


def ten_hz(contest: Contest, plan: Plan) -> None:
    _compete(contest, plan, TEN_HZ, Work.all_of(plan.part(Workload.TEN_HZ)))


def latency(contest: Contest, plan: Plan) -> None:
    """The time of one day, on an idle stack: Minuano's from POST to commit, a script's in a process
    that already runs.
    """
    contenders = (NAIVE, *SCRIPTS, MINUANO)
    part = plan.part(Workload.YEAR)
    contest.prepare(Work(part=part, days=1), contenders)
    for _ in range(plan.latency_rounds):
        for contender in contenders:
            contest.harness.on_step(f"one day, {plan.latency_days} times: {contender}")
            contest.harness.empty()
            for n in range(plan.latency_days):
                _time_day(contest, contender, Work(part=part, days=1, first=n))
    contest.run(DAY, MINUANO, Work(part=part, days=1))


def days(contest: Contest, plan: Plan) -> None:
    """Whether a slice costs the same in a long job."""
    part = plan.part(Workload.DAYS)
    _grow(contest, DAYS, (Work(part=part, days=n) for n in plan.days))


def slices(contest: Contest, plan: Plan) -> None:
    """Whether a slice costs the same in a job of many slices."""
    part = plan.part(Workload.SLICES)
    _grow(contest, SLICES, (Work(part=part, days=n) for n in plan.slice_days))


def lists_of_jobs(contest: Contest, plan: Plan) -> None:
    """How fast jobs are listed when the ledger holds many slices."""
    work = Work.all_of(plan.part(Workload.FARM))
    contest.harness.empty()
    contest.harness.run_job(work.request(contest.harness.source))
    jobs_list.measure(contest.harness, contest.results, plan)


def _compete(contest: Contest, plan: Plan, workload: str, work: Work) -> None:
    contenders = (*SCRIPTS, MINUANO)
    contest.prepare(work, contenders)
    for _ in range(plan.rounds):
        for contender in contenders:
            contest.run(workload, contender, work)


def _grow(contest: Contest, workload: str, works: Iterable[Work]) -> None:
    for n, work in enumerate(works):
        if n == 0:
            contest.prepare(work, ())
        name = workload.format(work.days if workload == DAYS else work.slices)
        contest.run(name, MINUANO, work)


def _time_day(contest: Contest, contender: str, work: Work) -> None:
    if contender in contest.results.left_out:
        return
    run = contest.action(contender, work, poll_s=POLL_S)
    started = time.perf_counter()
    run()
    ms = (time.perf_counter() - started) * 1000
    contest.results.latencies_ms.setdefault(contender, []).append(ms)
    time.sleep(PAUSE_S)


def _change_source(contest: Contest, work: Work) -> None:
    """Change samples of every tenth day of the source; a second call changes them back."""
    contest.harness.in_source(
        "UPDATE data SET power = -power WHERE extract(minute FROM timestamp) = 7 "
        "AND timestamp >= %s AND timestamp < %s AND extract(doy FROM timestamp)::int %% %s = 0",
        work.start, work.end, CHANGED_EVERY,
    )  # fmt: skip
    contest.harness.in_source("VACUUM ANALYZE data")


WORKLOADS: dict[Workload, RunWorkload] = {
    Workload.YEAR: year,
    Workload.LATENCY: latency,
    Workload.FARM: farm,
    Workload.JOBS_LIST: lists_of_jobs,
    Workload.MONTH: month,
    Workload.VARIABLES: wide,
    Workload.TEN_HZ: ten_hz,
    Workload.DAYS: days,
    Workload.SLICES: slices,
}
