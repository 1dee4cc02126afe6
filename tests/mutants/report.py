"""The report: how many planted bugs the tests found, and which survived."""

from collections import Counter
from collections.abc import Sequence

from tests.mutants.runner import Outcome, Result

MIN_FOUND_SHARE = 0.95
OUTCOMES: tuple[Outcome, ...] = ("found", "survived", "not applied")


def is_good(results: Sequence[Result]) -> bool:
    """Whether every bug could be planted and the tests found enough of them."""
    counts = Counter(result.outcome for result in results)
    return not counts["not applied"] and counts["found"] >= MIN_FOUND_SHARE * len(results)


def progress(number: int, total: int, result: Result) -> str:
    """One line for each bug, as soon as its result is known."""
    return f"{number}/{total} {_line(result)}"


def table(results: Sequence[Result]) -> str:
    """The counts by room, then the bugs that were not found."""
    counts = Counter((result.mutant.room, result.outcome) for result in results)
    totals = Counter(result.outcome for result in results)
    rooms = sorted({result.mutant.room for result in results})
    lines = [
        "",
        _row("room", OUTCOMES),
        *(_row(room, [counts[room, outcome] for outcome in OUTCOMES]) for room in rooms),
        _row("all", [totals[outcome] for outcome in OUTCOMES]),
        *(_line(result) for result in results if result.outcome != "found"),
    ]
    return "\n".join(lines)


def _line(result: Result) -> str:
    detail = f" ({result.detail})" if result.detail else ""
    return f"{result.outcome} {result.mutant}{detail}"


def _row(name: str, cells: Sequence[object]) -> str:
    return f"{name:<14}" + "".join(f"{cell!s:>13}" for cell in cells)
