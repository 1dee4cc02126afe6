"""Sparklines: the recent history of a value as points of SVG polylines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 240, 36
MAX_POINTS = 120
"""Longer histories are reduced to the maximum of each group of neighbours."""

History = Sequence[tuple[datetime, float | None]]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """`polylines` are interrupted where a value is missing. The top of the drawing is `maximum`."""

    polylines: tuple[str, ...]
    maximum: float


def sparkline(history: History, *, span: timedelta) -> Sparkline:
    """The values of the last `span` before the newest value, scaled from 0 to their maximum."""
    if not history:
        return Sparkline((), 0.0)
    end = history[-1][0]
    recent = [(at, value) for at, value in history if end - at <= span]
    maximum = max((value for _, value in recent if value is not None), default=0.0)
    polylines: list[list[str]] = [[]]
    for at, value in _thin(recent):
        if value is None:
            polylines.append([])
            continue
        x = WIDTH * (1 - (end - at) / span)
        y = HEIGHT - (HEIGHT - 2) * (value / maximum if maximum else 0.0) - 1
        polylines[-1].append(f"{x:.1f},{y:.1f}")
    return Sparkline(tuple(" ".join(points) for points in polylines if points), maximum)


def _thin(history: History) -> History:
    """At most `MAX_POINTS` values. A group without any value stays a gap."""
    size = -(-len(history) // MAX_POINTS)
    groups = [history[n : n + size] for n in range(0, len(history), size)]
    return [
        (group[-1][0], max((v for _, v in group if v is not None), default=None))
        for group in groups
    ]
