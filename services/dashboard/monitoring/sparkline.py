"""Lines of the last minutes, as points of an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 240, 36
POINTS = 120
"""More samples than this are drawn as the largest of each group."""

Seen = Sequence[tuple[datetime, float | None]]


@dataclass(frozen=True, slots=True)
class Line:
    """`pieces` are `points` of polylines, apart where nothing was seen. `most` is at the top."""

    pieces: tuple[str, ...]
    most: float
    newest: float | None


def line(seen: Seen, *, span: timedelta) -> Line:
    """The values of the last `span` before the newest; the scale begins at 0."""
    if not seen:
        return Line((), 0.0, None)
    end = seen[-1][0]
    kept = [(at, value) for at, value in seen if end - at <= span]
    most = max((value for _, value in kept if value is not None), default=0.0)
    pieces: list[list[str]] = [[]]
    for at, value in _thinned(kept):
        if value is None:
            pieces.append([])
            continue
        x = WIDTH * (1 - (end - at) / span)
        y = HEIGHT - (HEIGHT - 2) * (value / most if most else 0.0) - 1
        pieces[-1].append(f"{x:.1f},{y:.1f}")
    return Line(tuple(" ".join(piece) for piece in pieces if piece), most, seen[-1][1])


def _thinned(seen: Seen) -> Seen:
    """A gap is kept where all of a group is one."""
    size = -(-len(seen) // POINTS)
    groups = [seen[n : n + size] for n in range(0, len(seen), size)]
    return [(group[-1][0], _largest([value for _, value in group])) for group in groups]


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
