"""The figures as Markdown tables, for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.goals import SHIPS, goals
from bench.results import Results, by_service, largest, total
from bench.workloads import DAY, DECLARED, FIRST, FLOOR, PLAIN


def markdown(results: Results) -> str:
    """Everything, as it goes into docs/performance.md."""
    parts = [_machine(results), _goals(results), _works(results)]
    if FIRST in results.works():
        parts += [_costs(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _machine(results: Results) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in results.facts.items())
    return f"Measured on: {facts}. Medians; figures of one run, on one machine."


def _goals(results: Results) -> str:
    rows = [
        (goal.what, goal.wanted, goal.measured, "yes" if goal.met else "**no**")
        for goal in goals(results)
    ]
    return _table(("", "Goal", "Measured", "Met"), rows)


def _works(results: Results) -> str:
    rows = [
        (
            work, contender, f"{results.seconds(work, contender):.2f}",
            f"{results.rows_per_s(work, contender):,.0f}",
            _ratio(results, work, contender, FIRST, PLAIN),
            _ratio(results, work, contender, DECLARED if work == DECLARED else FIRST, FLOOR),
        )
        for work in results.works()
        for contender in results.contenders(work)
    ]  # fmt: skip
    if results.latencies_ms:
        told = ", ".join(f"p{q:g} {results.latency_ms(q / 100):.1f}" for q in (50, 95, 99))
        rows.append((f"a day, POST → committed, {len(results.latencies_ms)} times", SHIPS,
                     f"ms: {told}", "", "", ""))  # fmt: skip
    return _table(("Work", "Who", "s", "source rows/s", "× plain", "× floor"), rows, numbers=4)


def _ratio(results: Results, work: str, contender: str, base_work: str, base: str) -> str:
    if base not in results.contenders(base_work):
        return ""
    return f"{results.rows_per_s(work, contender) / results.rows_per_s(base_work, base):.2f}"


def _costs(results: Results) -> str:
    """What a year takes of each part, for what ships."""
    used = by_service(results.cpu_s(FIRST, SHIPS))
    year = results.peak_mb(FIRST, SHIPS)
    day = results.peak_mb(DAY, SHIPS) if DAY in results.works() else {}
    rows = [
        (name, f"{cpu:.2f}", f"{cpu / total(used):.0%}", _peak(day, name), _peak(year, name))
        for name, cpu in largest(used)
        if cpu
    ]
    run = results.of(FIRST, SHIPS)[-1]
    stages = results.stages_ms(FIRST, SHIPS)
    told = ", ".join(f"{stage} {ms:,.0f} ms" for stage, ms in stages.items())
    return (
        _table(("A year, first load", "CPU s", "share", "peak MB, a day", "peak MB, a year"),
               rows, numbers=4)
        + f"\n\nWork in the stages, added up over the slices: {told}. "
        + f"Through Redis went {run.redis_mb:.1f} MB, in and out."
    )  # fmt: skip


def _peak(peaks: Mapping[str, float], service: str) -> str:
    """Of PostgreSQL's many processes the one that started them says nothing."""
    found = [mb for name, mb in peaks.items() if name == service or name.startswith(f"{service}-")]
    return f"{max(found):.0f}" if found and service != "PostgreSQL" else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """The last `numbers` columns are set to the right."""
    left = len(head) - numbers
    rule = ["---"] * left + ["---:"] * numbers
    return "\n".join(_line(row) for row in _all(head, rule, rows))


def _all(
    head: Sequence[str], rule: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterator[Sequence[str]]:
    yield head
    yield rule
    yield from rows


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
