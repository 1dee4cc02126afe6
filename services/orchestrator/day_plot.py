"""The plot of a day: each variable's mean with the band from its minimum to its maximum.

Matplotlib and Pillow are imported where something is drawn: half a second of every start of
Dagster's code location, its daemon and each run, most of which draw nothing.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from services.orchestrator.load_summary import Point, Signal
from shared.domain.local_time import day_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE = "#1f77b4"
DPI = 80
COLOURS = 32
HEIGHT, WIDTH = 1.9, 8.0
NAN = float("nan")


def markdown(
    curves: Mapping[Signal, Sequence[Point]], day: date, window_s: int, zone: ZoneInfo
) -> str:
    """The plot as an image within Markdown, some 30 kB."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT * len(curves)), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (signal, points) in zip(panels, curves.items(), strict=True):
        _panel(axes, signal, with_gaps(points, window_s))
    panels[0].set_title(f"{day}, mean and min to max of each window", loc="left", fontsize=10)
    _hours(panels[-1], day, zone)
    return f"![{day}](data:image/png;base64,{base64.b64encode(_png(figure)).decode()})"


def _png(figure: "Figure") -> bytes:
    """In few colours: it is kept in Dagster's database, once for each run."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image, file = Image.fromarray(np.asarray(canvas.buffer_rgba())), BytesIO()
    image.convert("RGB").quantize(COLOURS).save(file, format="png", optimize=True)
    return file.getvalue()


def _panel(axes: Any, signal: Signal, points: Sequence[Point]) -> None:
    at = [point.at for point in points]
    low, mean, high = (
        [NAN if value is None else value for value in column]
        for column in zip(*((p.low, p.mean, p.high) for p in points), strict=True)
    )
    if not signal.circular:  # a band about north would cross the whole panel
        axes.fill_between(at, low, high, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(at, mean, color=BLUE, linewidth=1.2)
    axes.set_ylabel(signal.name + (f"\n{signal.unit}" if signal.unit else ""), fontsize=9)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)


def with_gaps(points: Sequence[Point], window_s: int) -> list[Point]:
    """A point without values after each gap: no line and no band is drawn across it."""
    window, whole = timedelta(seconds=window_s), list[Point]()
    for point in points:
        if whole and point.at - whole[-1].at > window:
            whole.append(Point(whole[-1].at + window, None, None, None))
        whole.append(point)
    return whole


def _hours(axes: Any, day: date, zone: ZoneInfo) -> None:
    """The whole day, by the clock of its zone."""
    from matplotlib.dates import DateFormatter, HourLocator

    locator: Any = HourLocator(byhour=range(0, 24, 3), tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]
    axes.set_xlim(*day_range(day, zone))
    axes.set_xlabel(zone.key, fontsize=8)
