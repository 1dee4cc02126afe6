"""A bound, what was done to reach it, and whether it held."""

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("What was done", "Bound", "Measured", "Held")


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of the table."""

    done: str
    bound: str
    measured: str
    held: bool


def table(limits: Sequence[Limit]) -> str:
    """All of them as a Markdown table."""
    rows = [(each.done, each.bound, each.measured, _said(each.held)) for each in limits]
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _said(held: bool) -> str:
    return "yes" if held else "**no**"


def quantile(values: Sequence[float], q: float) -> float:
    """By the nearest rank; 0 where there are no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * q))] if ordered else 0.0
