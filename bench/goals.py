"""What Minuano wants to reach, and how far it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.harness import ROWS_A_DAY
from bench.plan import SHIPPED
from bench.results import Results, total
from bench.workloads import (
    AGAIN,
    BY_ASSETS,
    BY_DAYS,
    CHANGED,
    DAY,
    DECLARED,
    FARM,
    FAST_DAY,
    FIRST,
    FLOOR,
    PLAIN,
    minuano,
)

MAX_MB, FLAT = 200, 0.10
YEAR_DAYS, LONGEST_DAYS, MOST_ASSETS = 365, 1_826, 100


@dataclass(frozen=True, slots=True)
class Goal:
    """One line: what was wanted, what was measured, and whether that is enough."""

    what: str
    wanted: str
    measured: str
    met: bool


def goals(results: Results) -> Iterator[Goal]:
    """Those for which there are measurements."""
    has = set(results.works())
    if FIRST in has:
        yield from _first_load(results)
    if DECLARED in has:
        yield from _declared(results)
    if {AGAIN, CHANGED} <= has:
        yield from _again(results)
    if results.latencies_ms:
        yield from _latency(results)
    if FAST_DAY in has:
        rate = results.rows_per_s(FAST_DAY, SHIPS)
        yield Goal("10 Hz day", "≥ 1,000,000 rows/s", f"{rate:,.0f} rows/s", rate >= 1e6)
    if {FIRST, DAY} <= has:
        yield from _memory(results)
        yield _messages(results)
    yield from _growth(results)


SHIPS = minuano(*SHIPPED)


def _fastest(results: Results, work: str) -> str:
    ours = [name for name in results.contenders(work) if name.startswith("minuano")]
    return min(ours, key=lambda name: results.seconds(work, name))


def _first_load(results: Results) -> Iterator[Goal]:
    best = _fastest(results, FIRST)
    rate = results.rows_per_s(FIRST, best)
    to_plain = rate / results.rows_per_s(FIRST, PLAIN)
    yield Goal("a year, first load", "≥ 30 × plain", f"{to_plain:.1f} × ({best})", to_plain >= 30)


def _declared(results: Results) -> Iterator[Goal]:
    best = _fastest(results, DECLARED)
    declared = results.rows_per_s(DECLARED, best)
    to_floor = declared / results.rows_per_s(DECLARED, FLOOR)
    yield Goal(
        "a year, declared foreign key", "≥ 1.2 × floor", f"{to_floor:.2f} × ({best})",
        to_floor >= 1.2,
    )  # fmt: skip
    if FIRST in results.works():
        to_plain = declared / results.rows_per_s(FIRST, PLAIN)
        yield Goal(
            "a year, declared foreign key", "≥ 13 × plain", f"{to_plain:.1f} ×", to_plain >= 13
        )
        ours = results.rows_per_s(FIRST, _fastest(results, FIRST))
        ratio = ours / results.rows_per_s(DECLARED, FLOOR)
        yield Goal(
            "a year, as shipped, beside the floor with a declared key", "≥ 1.2 ×",
            f"{ratio:.2f} ×", ratio >= 1.2,
        )  # fmt: skip


def _again(results: Results) -> Iterator[Goal]:
    first = results.seconds(FIRST, SHIPS)
    again, changed = first / results.seconds(AGAIN, SHIPS), first / results.seconds(CHANGED, SHIPS)
    written = max(run.written for run in results.of(AGAIN, SHIPS))
    yield Goal("a year again, unchanged", "≥ 5 × faster", f"{again:.2f} ×", again >= 5)
    yield Goal("a year again: rows written", "0", f"{written}", written == 0)
    yield Goal("10 % of days changed", "≥ 3 × faster", f"{changed:.2f} ×", changed >= 3)


def _latency(results: Results) -> Iterator[Goal]:
    p50, p99 = results.latency_ms(0.5), results.latency_ms(0.99)
    yield Goal("one day, POST → committed, p50", "≤ 40 ms", f"{p50:.1f} ms", p50 <= 40)
    yield Goal("its p99", "≤ 2.5 × p50", f"{p99 / p50:.2f} ×", p99 <= 2.5 * p50)
    if FIRST in results.works():
        a_day = ROWS_A_DAY / results.rows_per_s(FIRST, PLAIN) * 1000
        ratio = p50 / a_day
        yield Goal(
            "p50 beside a day of plain", "≤ 0.4 ×", f"{ratio:.2f} × {a_day:.0f} ms", ratio <= 0.4
        )


def _memory(results: Results) -> Iterator[Goal]:
    day, year = results.peak_mb(DAY, SHIPS), results.peak_mb(FIRST, SHIPS)
    ours = [name for name in year if "-" in name and name != "plain-connector"]
    most = max(ours, key=lambda name: year[name])
    yield Goal(
        "peak memory of a service", f"≤ {MAX_MB} MB", f"{year[most]:.0f} MB ({most})",
        year[most] <= MAX_MB,
    )  # fmt: skip
    grown = max(ours, key=lambda name: year[name] / day[name])
    growth = year[grown] / day[grown] - 1
    yield Goal("from a day to a year", "± 10 %", f"{growth:+.0%} ({grown})", abs(growth) <= FLAT)


def _messages(results: Results) -> Goal:
    """The broker's own CPU time, and that of encoding and decoding what goes through it."""
    used = results.cpu_s(FIRST, SHIPS)
    slices = results.of(FIRST, SHIPS)[0].rows / ROWS_A_DAY
    messages = results.message_ms * slices / 1000
    share = (used["Redis" if "Redis" in used else "Valkey"] + messages) / total(used)
    return Goal("broker and messages", "≤ 5 % of the CPU", f"{share:.1%}", share <= 0.05)


def _growth(results: Results) -> Iterator[Goal]:
    has = set(results.works())
    pairs = (
        (BY_DAYS.format(YEAR_DAYS), BY_DAYS.format(LONGEST_DAYS), "from 1 to 5 years"),
        (FARM, BY_ASSETS.format(MOST_ASSETS), "from 20 to 100 turbines"),
    )
    for small, large, words in pairs:
        if {small, large} <= has:
            ratio = results.rows_per_s(small, SHIPS) / results.rows_per_s(large, SHIPS)
            yield Goal(f"cost of a row, {words}", "constant", f"{ratio:.2f} ×", ratio <= 1 + FLAT)
