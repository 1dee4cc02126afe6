"""The plot of a day: the mean of each variable, with a band from its minimum to its maximum.

Matplotlib and Pillow are imported in the functions that draw. Their import takes half a second of
each start of the code location, the daemon and a run, and most of these draw nothing.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from services.orchestrator.load_summary import DaySignal, Point
from shared.domain.local_time import day_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE = "#1f77b4"
DPI = 80
COLOURS = 32
HEIGHT, WIDTH = 1.9, 8.0


def markdown(
    curves: Mapping[DaySignal, Sequence[Point]], day: date, window_s: int, zone: ZoneInfo
) -> str:
    """The plot as an image in Markdown, about 30 kB."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT * len(curves)), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (signal, points) in zip(panels, curves.items(), strict=True):
        _panel(axes, signal, with_gaps(points, window_s))
    panels[0].set_title(f"{day}, mean and min to max of each window", loc="left", fontsize=10)
    _hours(panels[-1], day, zone)
    return f"![{day}](data:image/png;base64,{base64.b64encode(_png(figure)).decode()})"


def _png(figure: "Figure") -> bytes:
    """The figure in few colours: Dagster's database keeps it for each run."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image, file = Image.fromarray(np.asarray(canvas.buffer_rgba())), BytesIO()
    image.convert("RGB").quantize(COLOURS).save(file, format="png", optimize=True)
    return file.getvalue()


def _panel(axes: Any, signal: DaySignal, points: Sequence[Point]) -> None:
    at, *values = zip(*points, strict=True)
    mean, low, high = np.array(values, float)  # None becomes NaN
    if not signal.circular:  # a band around north would cross the whole panel
        axes.fill_between(at, low, high, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(at, mean, color=BLUE, linewidth=1.2)
    axes.set_ylabel(signal.name + (f"\n{signal.unit}" if signal.unit else ""), fontsize=9)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)


def with_gaps(points: Sequence[Point], window_s: int) -> list[Point]:
    """The points, with one without values in each gap, so that nothing is drawn across the gap."""
    window, result = timedelta(seconds=window_s), list[Point]()
    for point in points:
        if result and point.at - result[-1].at > window:
            result.append(Point(result[-1].at + window, None, None, None))
        result.append(point)
    return result


def _hours(axes: Any, day: date, zone: ZoneInfo) -> None:
    """Show the whole day on the x axis, in local time."""
    from matplotlib.dates import DateFormatter, HourLocator

    locator: Any = HourLocator(byhour=range(0, 24, 3), tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]
    axes.set_xlim(*day_range(day, zone))
    axes.set_xlabel(zone.key, fontsize=8)
