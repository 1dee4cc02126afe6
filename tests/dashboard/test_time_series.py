"""A chart keeps every peak at any zoom, and shows gaps."""

import math
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from services.dashboard.queries.time_series import grid
from shared.domain.time_range import TimeRange
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard, fields, get, load
from tests.integration.loader import DAY, ONE_DAY, batch, new_job, sliced

WINDOWS = 144
Samples = list[float | None]


def wavy(spike_at: int = 700, gap: range = range(0)) -> Samples:
    """A day of one sample per minute, with a peak and a gap."""
    values: Samples = [8 + 3 * math.sin(n / 60) for n in range(1440)]
    values[spike_at] = 25.0
    return [None if n in gap else value for n, value in enumerate(values)]


def put(target: Engine, *days: Samples, variable: str = "wind_speed") -> None:
    spec = sliced(ONE_DAY, circular_variables=("direction",) if variable == "direction" else ())
    job = new_job(target, days=len(days), spec=spec, variables=(variable,), slices=len(days))
    batches = [
        batch(job, samples, start=DAY + n * ONE_DAY, length=ONE_DAY, variables=(variable,),
              spec=spec)
        for n, samples in enumerate(days)
    ]  # fmt: skip
    load(target, *batches)


def one(client: TestClient, **parameters: Any) -> dict[str, Any]:
    """The response and its only variable in one dict."""
    params = {"start": "2025-12-05", "variables": "wind_speed", **parameters}
    answer = get(client, "/api/series", **params).json()
    return {**answer, **answer["series"][0]}


def by_window(samples: Samples, statistic: Any) -> list[float | None]:
    """The statistic of each window of ten samples; None for a window without samples."""
    windows = [
        [v for v in samples[n : n + 10] if v is not None] for n in range(0, len(samples), 10)
    ]
    return [statistic(window) if window else None for window in windows]


def test_a_day_is_drawn_window_by_window(client: TestClient, target: Engine) -> None:
    samples = wavy()
    put(target, samples)
    series = one(client)
    assert (series["step_s"], len(series["mean"]), series["unit"]) == (600, WINDOWS, "m/s")
    assert series["mean"] == pytest.approx(by_window(samples, lambda w: sum(w) / len(w)))
    assert series["min"] == by_window(samples, min)
    assert series["max"] == by_window(samples, max)
    assert None not in series["std"]


def test_a_gap_has_null_values(client: TestClient, target: Engine) -> None:
    put(target, wavy(gap=range(300, 420)))
    series = one(client)
    missing = [n for n, value in enumerate(series["mean"]) if value is None]
    assert missing == list(range(30, 42))
    assert [n for n, value in enumerate(series["max"]) if value is None] == missing


@pytest.mark.parametrize("points", [1, 7, 100, 143, 144, 5000])
def test_no_peak_is_lost_in_fewer_points(client: TestClient, target: Engine, points: int) -> None:
    samples = wavy(gap=range(900, 1000))
    put(target, samples)
    series = one(client, points=points)
    known = [value for value in samples if value is not None]
    assert len(series["mean"]) <= points
    assert max(v for v in series["max"] if v is not None) == max(known)
    assert min(v for v in series["min"] if v is not None) == min(known)
    per_point = series["step_s"] // 600
    minima = by_window(samples, min)
    chunks = [minima[n : n + per_point] for n in range(0, WINDOWS, per_point)]
    expected = [min((v for v in chunk if v is not None), default=None) for chunk in chunks]
    assert series["min"] == expected


def test_the_mean_of_several_windows_is_the_mean_of_their_means(
    client: TestClient, target: Engine
) -> None:
    samples = wavy()
    put(target, samples)
    means = by_window(samples, lambda w: sum(w) / len(w))
    series = one(client, points=72)
    pairs = zip(means[::2], means[1::2], strict=True)
    assert series["mean"] == pytest.approx([(a + b) / 2 for a, b in pairs if a and b])
    assert set(series["std"]) == {None}


def test_a_window_that_starts_at_the_end_is_in_no_point(client: TestClient, target: Engine) -> None:
    """Three windows in points of two: the last point reaches beyond the end."""
    samples = wavy()
    put(target, samples)
    series = one(client, end="2025-12-05T00:30Z", points=2)
    means = by_window(samples[:30], lambda w: sum(w) / len(w))
    assert series["mean"][1:] == pytest.approx(means[2:])


def test_directions_are_averaged_as_unit_vectors(
    redis_settings: RedisSettings, target_url: str, target: Engine
) -> None:
    northerly: Samples = list(chain(*([350.0] * 10 + [10.0] * 10 for _ in range(72))))
    put(target, northerly, variable="direction")
    with dashboard(target_url, redis_settings, circular_variables="direction") as client:
        series = one(client, variables="direction", points=72)
    around_north = [(value + 180) % 360 - 180 for value in series["mean"]]
    assert around_north == pytest.approx([0.0] * 72, abs=1e-6)
    assert set(series["max"]) == {None}


def test_a_day_or_asset_without_windows_is_all_gaps(client: TestClient, target: Engine) -> None:
    put(target, wavy())
    assert set(one(client, start="2025-12-06")["mean"]) == {None}
    assert set(one(client, asset="T99")["mean"]) == {None}


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"start": "yesterday"}, "start"),
        ({"end": "2025-12-05"}, "end"),
        ({"end": "2045-12-05"}, "end"),
        ({"points": 0}, "points"),
        ({"points": 5001}, "points"),
        ({"variables": ""}, "variables.0"),
        ({"variables": "wind_speed,,power"}, "variables"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_invalid_parameters_of_a_series_are_refused(
    client: TestClient, parameters: dict[str, Any], field: str
) -> None:
    params = {"start": "2025-12-05", "variables": "wind_speed", **parameters}
    invalid = fields(client.get("/api/series", params=params))
    assert invalid[0].split(".")[0] == field.split(".")[0]


@pytest.mark.parametrize("points", [1, 10, 1200])
def test_a_grid_covers_the_time_range_with_at_most_the_requested_points(points: int) -> None:
    for minutes in (1, 10, 1435, 1440, 525_600):
        time_range = TimeRange(DAY, DAY + timedelta(minutes=minutes))
        step_s, count = grid(time_range, window_s=600, max_points=points)
        assert count <= points
        assert step_s * count >= minutes * 60
        assert step_s % 600 == 0
