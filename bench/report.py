"""The figures as Markdown tables."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

from bench.contest import DUCKDB, FLOOR, MINUANO
from bench.results import Results, Run, by_service, medians, quantile
from bench.workloads import DAY, FIRST

WIDTH = 100
"""Of a line of prose in docs/."""
GROWTH = "growth: "
ALSO_DONE = (
    "What Minuano does in these figures and the faster contenders leave out: the samples travel "
    "over HTTP and through a broker, so that each stage can run on another machine; a ledger "
    "records each turbine's day with a fingerprint of its samples; a day is replaced as a whole, "
    "also by concurrent jobs, and an older job never replaces what a newer one has loaded; windows "
    "with gaps or doubtful values get quality flags; a killed process loses nothing, and what "
    "cannot be processed is kept as a dead letter. `postgres_fdw` leaves windows in the target "
    "that the source no longer has; the floor cannot be run twice."
)


def markdown(results: Results) -> str:
    """The whole report, as it goes into docs/performance.md."""
    sections = [
        machine_line(results.machine, "Medians of one run"),
        fill(ALSO_DONE, WIDTH),
    ]
    sections += [
        fill(f"{name} is left out: {reason}", WIDTH) for name, reason in results.left_out.items()
    ]
    growth = [name for name in results.workloads() if name.startswith(GROWTH)]
    contests = [name for name in results.workloads() if name not in (*growth, DAY)]
    sections += [
        f"### {name[0].upper()}{name[1:]}\n\n{_contest(results, name)}" for name in contests
    ]
    if results.latencies_ms:
        sections.append(f"### One day, idle\n\n{_latencies(results)}")
    if growth:
        sections.append(f"### Growth\n\n{_growth(results, growth)}")
    if results.responses_ms:
        sections.append(f"### Lists of jobs\n\n{_responses(results)}")
    if results.of(FIRST, MINUANO):
        sections.append(f"### What each service costs\n\n{_costs(results)}")
    return "\n\n".join(sections) + "\n"


def machine_line(machine: Mapping[str, str], kind: str) -> str:
    """The machine on which the figures were measured, and what kind of figures they are."""
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    return fill(f"Measured on: {facts}. {kind}.", WIDTH)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A Markdown table; its last `numbers` columns are right-aligned."""
    rule = ["--"] * (len(head) - numbers) + ["-:"] * numbers
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _contest(results: Results, workload: str) -> str:
    rows = [
        (
            contender, f"{results.seconds(workload, contender):.2f}",
            f"{results.cpu_s(workload, contender):.2f}",
            _ratio(results, workload, contender, DUCKDB),
            _ratio(results, workload, contender, FLOOR),
            f"{results.of(workload, contender)[-1].written:,}",
        )
        for contender in results.contenders(workload)
    ]  # fmt: skip
    head = ("Contender", "wall s", "CPU s", f"× {DUCKDB}", f"× {FLOOR}", "rows written")
    return table(head, rows, numbers=5)


def _title(workload: str) -> str:
    return workload[0].upper() + workload[1:]


def _ratio(results: Results, workload: str, contender: str, other: str) -> str:
    if other not in results.contenders(workload):
        return ""
    return f"{results.seconds(workload, contender) / results.seconds(workload, other):.2f}"


def _latencies(results: Results) -> str:
    rows = [
        (contender, *(f"{quantile(ms, q):.1f}" for q in (0.5, 0.95, 0.99)), str(len(ms)))
        for contender, ms in results.latencies_ms.items()
    ]
    head = ("Contender", "p50 ms", "p95 ms", "p99 ms", "days")
    sentence = (
        f"One turbine's day after the other. {MINUANO}: from POST to commit. Scripts: in a process "
        "that already runs, so that Python's start is not counted."
    )
    return f"{table(head, rows, numbers=4)}\n\n{fill(sentence, WIDTH)}"


def _growth(results: Results, workloads: Sequence[str]) -> str:
    rows = [
        (
            name.removeprefix(GROWTH), f"{(seconds := results.seconds(name, MINUANO)):.2f}",
            f"{results.cpu_s(name, MINUANO):.2f}",
            f"{seconds / results.of(name, MINUANO)[0].slices * 1000:.2f}",
        )
        for name in workloads
    ]  # fmt: skip
    return table(("One job of", "wall s", "CPU s", "ms a slice"), rows, numbers=3)


def _responses(results: Results) -> str:
    rows = [
        (name, f"{quantile(ms, 0.5):.0f}", f"{max(ms):.0f}")
        for name, ms in results.responses_ms.items()
    ]
    return table(("Request", "p50 ms", "max ms"), rows, numbers=2)


def _costs(results: Results) -> str:
    """CPU time and memory of each process for a year."""
    day, year = (results.of(workload, MINUANO) for workload in (DAY, FIRST))
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
