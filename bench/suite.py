"""All of the benchmark, on stacks of its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby

from bench import message_cost, process_metrics, workloads
from bench.harness import Harness, rig_over
from bench.plan import Plan, Source
from bench.results import Results

Measure = Callable[[Harness, Results, Plan, workloads.Tell], None]
OpenRig = Callable[[Source], AbstractContextManager[Harness]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is measured on one source."""

    source: Source
    name: str
    measure: tuple[Measure, ...]


def parts(plan: Plan) -> tuple[Part, ...]:
    """The parts of the benchmark, in their order."""
    one_turbine = (workloads.year, workloads.with_declared_key, workloads.latency, workloads.growth)
    return (
        Part(plan.one_turbine, "samples of some years", one_turbine),
        Part(plan.farm, "samples of many turbines", (workloads.farm,)),
        Part(plan.fast, "samples at 10 Hz", (workloads.fast_day,)),
    )


def run(plan: Plan, tell: workloads.Tell, *, open_rig: OpenRig = rig_over) -> Results:
    """Measure everything of the plan; `tell` hears what is being done. Parts that follow each
    other and have the same source share a stack.
    """
    results = Results(process_metrics.facts())
    results.message_ms = message_cost.ms_per_slice(plan.messages)
    for source, sharing in groupby(parts(plan), key=lambda part: part.source):
        first, *others = sharing
        tell(first.name)
        with open_rig(source) as opened:
            results.facts |= _servers(opened)
            for part in (first, *others):
                for measure in part.measure:
                    measure(opened, results, plan, tell)
    return results


def _servers(opened: Harness) -> dict[str, str]:
    return {name: said.split(" ", 1)[1] for name, said in opened.addresses.servers.items()}
