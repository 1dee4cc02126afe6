"""All of the benchmark, on stacks of its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby

from bench import machine, messages, work
from bench.plan import Plan, Source
from bench.results import Results
from bench.rig import Rig, rig_over

Measure = Callable[[Rig, Results, Plan, work.Tell], None]
OpenRig = Callable[[Source], AbstractContextManager[Rig]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is measured on one source."""

    source: Source
    name: str
    measure: tuple[Measure, ...]


def parts(plan: Plan) -> tuple[Part, ...]:
    """The parts of the benchmark, in their order."""
    one_turbine = (work.year, work.with_declared_key, work.latency, work.growth)
    return (
        Part(plan.one_turbine, "samples of some years", one_turbine),
        Part(plan.farm, "samples of many turbines", (work.farm,)),
        Part(plan.fast, "samples at 10 Hz", (work.fast_day,)),
    )


def run(plan: Plan, tell: work.Tell, *, open_rig: OpenRig = rig_over) -> Results:
    """Measure everything of the plan; `tell` hears what is being done. Parts that follow each
    other and have the same source share a stack.
    """
    results = Results(machine.facts())
    results.message_ms = messages.ms_per_slice(plan.messages)
    for source, sharing in groupby(parts(plan), key=lambda part: part.source):
        first, *others = sharing
        tell(first.name)
        with open_rig(source) as opened:
            results.facts |= _servers(opened)
            for part in (first, *others):
                for measure in part.measure:
                    measure(opened, results, plan, tell)
    return results


def _servers(opened: Rig) -> dict[str, str]:
    return {name: said.split(" ", 1)[1] for name, said in opened.addresses.servers.items()}
