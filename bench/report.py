"""The figures as Markdown tables."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

from bench.results import Results, Run, by_service, medians, quantile
from bench.workloads import COPY, DAY, FIRST, NAIVE, SHIPPED_NAME

WIDTH = 100
"""Of a line of prose in docs/."""


def markdown(results: Results) -> str:
    """The whole report, as it goes into docs/performance.md."""
    sections = [machine_line(results.machine, "Medians of one run"), _workloads(results)]
    if SHIPPED_NAME in results.contenders(FIRST):
        sections.append(_costs(results))
    return "\n\n".join(sections) + "\n"


def machine_line(machine: Mapping[str, str], kind: str) -> str:
    """The machine on which the figures were measured, and what kind of figures they are."""
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    return fill(f"Measured on: {facts}. {kind}.", WIDTH)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A Markdown table; its last `numbers` columns are right-aligned."""
    rule = ["--"] * (len(head) - numbers) + ["-:"] * numbers
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _workloads(results: Results) -> str:
    rows = [
        (
            workload, contender, f"{results.seconds(workload, contender):.2f}",
            f"{results.rows_per_s(workload, contender):,.0f}",
            _ratio(results, workload, contender, NAIVE),
            _ratio(results, workload, contender, COPY),
        )
        for workload in results.workloads()
        for contender in results.contenders(workload)
    ]  # fmt: skip
    if latencies := results.latencies_ms:
        figures = ", ".join(f"p{q} {quantile(latencies, q / 100):.1f}" for q in (50, 95, 99))
        name = f"a day, POST → committed, {len(latencies)} times"
        rows.append((name, SHIPPED_NAME, f"ms: {figures}", "", "", ""))
    head = ("Workload", "Contender", "s", "source rows/s", f"× {NAIVE}", f"× {COPY}")
    return table(head, rows, numbers=4)


def _ratio(results: Results, workload: str, contender: str, baseline: str) -> str:
    if baseline not in results.contenders(FIRST):
        return ""
    return f"{results.rows_per_s(workload, contender) / results.rows_per_s(FIRST, baseline):.2f}"


def _costs(results: Results) -> str:
    """CPU time and memory of each process for a year, in the configuration that is shipped."""
    day, year = (results.of(workload, SHIPPED_NAME) for workload in (DAY, FIRST))
    cpu_s = by_service(medians([run.cpu_s for run in year]))
    rows = [
        (name, f"{used:.2f}", f"{used / sum(cpu_s.values()):.0%}",
         _peak(day, name), _peak(year, name))
        for name, used in cpu_s.items() if used
    ]  # fmt: skip
    stages_ms = medians([run.stages_ms for run in year])
    figures = ", ".join(f"{stage} {ms:,.0f} ms" for stage, ms in stages_ms.items())
    head = (FIRST.capitalize(), "CPU s", "share", "peak MB, a day", "peak MB, a year")
    sentence = (
        f"Work in the stages, added up over the slices: {figures}. Sent and received by Redis: "
        f"{year[-1].redis_mb:.1f} MB."
    )
    return f"{table(head, rows, numbers=4)}\n\n{fill(sentence, WIDTH)}"


def _peak(runs: Iterable[Run], service: str) -> str:
    """The highest peak; none for PostgreSQL, where only its first process is known."""
    peaks = [peak for run in runs for peak in run.peak_mb.items()]
    values = [mb for name, mb in peaks if name == service or name.startswith(f"{service}-")]
    return f"{max(values):.0f}" if values and service != "PostgreSQL" else ""
