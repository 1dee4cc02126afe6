"""All workloads, on temporary stacks."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter

from bench import process_metrics, workloads
from bench.harness import Harness, OnStep, open_harness
from bench.plan import Plan, Source
from bench.results import Results

Workload = Callable[[Harness, Results, Plan], None]
OpenHarness = Callable[[Source, OnStep], AbstractContextManager[Harness]]


def sources(plan: Plan) -> tuple[tuple[Source, Workload], ...]:
    """The workloads in their order, each with its source."""
    return (
        (plan.one_turbine, workloads.year),
        (plan.one_turbine, workloads.latency),
        (plan.one_turbine, workloads.growth),
        (plan.farm, workloads.farm),
        (plan.fast, workloads.fast_day),
    )


def run(plan: Plan, on_step: OnStep, *, open_harness: OpenHarness = open_harness) -> Results:
    """Measure everything of the plan. Consecutive workloads on the same source share a stack.

    `on_step` is called with the name of each step.
    """
    results = Results(process_metrics.machine())
    for source, group in groupby(sources(plan), key=itemgetter(0)):
        with open_harness(source, on_step) as harness:
            results.machine |= harness.servers()
            for _, workload in group:
                workload(harness, results, plan)
    return results
