"""All workloads, on temporary stacks."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from bench import process_metrics, workloads
from bench.harness import Harness, OnStep, open_harness
from bench.plan import Plan
from bench.results import Results
from shared.sample_data.writer import SeedOptions

OpenHarness = Callable[[SeedOptions, OnStep], AbstractContextManager[Harness]]


def run(plan: Plan, on_step: OnStep, *, open_harness: OpenHarness = open_harness) -> Results:
    """Measure everything of the plan. `on_step` is called with the name of each step."""
    results = Results(process_metrics.machine())
    sources = (
        (plan.one_turbine, (workloads.year, workloads.latency, workloads.growth)),
        (plan.farm, (workloads.farm,)),
        (plan.fast, (workloads.fast_day,)),
    )
    for source, on_source in sources:
        with open_harness(source, on_step) as harness:
            results.machine |= harness.servers()
            for workload in on_source:
                workload(harness, results, plan)
    return results
