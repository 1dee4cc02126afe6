"""The plot of a day: a small image in local time."""

import base64
import random
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.orchestrator import day_plot
from services.orchestrator.load_summary import DaySignal, Point
from shared.domain.local_time import day_range

WINDOW_S = 600
WINDOW = timedelta(seconds=WINDOW_S)
DAY = date(2025, 12, 5)
UTC = ZoneInfo("UTC")
PNG = b"\x89PNG"


def signal(variable: str = "wind_speed", *, circular: bool = False) -> DaySignal:
    return DaySignal(
        asset="T01", variable=variable, unit="m/s", values=576, windows=144,
        low=0.0, mean=8.0, high=25.0, circular=circular,
    )  # fmt: skip


def noise(day: date = DAY, zone: ZoneInfo = UTC) -> list[Point]:
    """Random values of a whole day, which no image format compresses well."""
    rng = random.Random(1)
    start, end = day_range(day, zone)
    return [
        Point(start + n * WINDOW, rng.uniform(8, 12), rng.uniform(0, 8), rng.uniform(12, 25))
        for n in range((end - start) // WINDOW)
    ]


def image(text: str) -> bytes:
    alt, data = text.removeprefix("![").removesuffix(")").split("](data:image/png;base64,")
    assert alt == str(DAY)
    return base64.b64decode(data)


@pytest.mark.parametrize("panels", [1, 4])
def test_the_plot_is_a_small_image_in_markdown(panels: int) -> None:
    curves = {signal(f"variable_{n}"): noise() for n in range(panels)}
    text = day_plot.markdown(curves, DAY, WINDOW_S, UTC)
    assert image(text)[:4] == PNG
    assert len(text) < 100_000


def test_the_same_day_gives_the_same_image() -> None:
    once, again = (day_plot.markdown({signal(): noise()}, DAY, WINDOW_S, UTC) for _ in range(2))
    assert once == again


def test_nothing_is_drawn_across_a_gap() -> None:
    points = noise()
    del points[60:70]
    at = [point.at for point in day_plot.with_gaps(points, WINDOW_S)]
    blanks = [point for point in day_plot.with_gaps(points, WINDOW_S) if point.mean is None]
    assert [blank.at for blank in blanks] == [points[59].at + WINDOW]
    assert at == sorted(at)


def test_a_single_missing_window_is_a_gap() -> None:
    points = noise()
    missing = points.pop(60)
    blanks = [point.at for point in day_plot.with_gaps(points, WINDOW_S) if point.mean is None]
    assert blanks == [missing.at]


def test_a_direction_without_extremes_is_drawn() -> None:
    points = [Point(point.at, point.mean, None, None) for point in noise()]
    assert image(day_plot.markdown({signal(circular=True): points}, DAY, WINDOW_S, UTC))[:4] == PNG
