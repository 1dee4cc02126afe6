"""All workloads, on temporary stacks."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from bench import process_metrics
from bench.contest import Contest
from bench.harness import Harness, OnStep, open_harness
from bench.plan import Plan, Source, Workload
from bench.results import Results
from bench.workloads import WORKLOADS

OpenHarness = Callable[[Source, OnStep], AbstractContextManager[Harness]]


def run(
    plan: Plan,
    on_step: OnStep,
    *,
    only: Collection[Workload] = (),
    open_harness: OpenHarness = open_harness,
) -> Results:
    """Measure the plan, or only some of its workloads. `on_step` is called with the name of each
    step. Raises `MinuanoError` if a contender writes other rows than another one.
    """
    results = Results(process_metrics.machine())
    for source, workloads in plan.stacks(only):
        with open_harness(source, on_step) as harness, Contest(harness, results) as contest:
            results.machine |= harness.servers()
            for workload in workloads:
                WORKLOADS[workload](contest, plan)
    return results
