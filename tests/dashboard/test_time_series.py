"""What charts draw keeps every peak, at any zoom, and gaps stay gaps."""

import math
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from services.dashboard.queries.time_series import Grid
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard, fields, get, load
from tests.integration.loader import DAY, ONE_DAY, batch, new_job, sliced

WINDOWS = 144
Samples = list[float | None]


def wavy(spike_at: int = 700, gap: range = range(0)) -> Samples:
    """A day, one sample a minute, with one peak and one gap."""
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
    """The answer for one variable, flat."""
    asked = {"start": "2025-12-05", "variables": "wind_speed", **parameters}
    found = get(client, "/api/series", **asked).json()
    return {**found, **found["series"][0]}


def of_windows(samples: Samples, of: Any) -> list[float | None]:
    cut = [[v for v in samples[n : n + 10] if v is not None] for n in range(0, len(samples), 10)]
    return [of(window) if window else None for window in cut]


def test_a_day_is_drawn_window_by_window(client: TestClient, target: Engine) -> None:
    samples = wavy()
    put(target, samples)
    found = one(client)
    assert (found["step_s"], len(found["mean"]), found["unit"]) == (600, WINDOWS, "m/s")
    assert found["mean"] == pytest.approx(of_windows(samples, lambda w: sum(w) / len(w)))
    assert found["min"] == of_windows(samples, min)
    assert found["max"] == of_windows(samples, max)
    assert None not in found["std"]


def test_a_gap_is_no_value(client: TestClient, target: Engine) -> None:
    put(target, wavy(gap=range(300, 420)))
    found = one(client)
    missing = [n for n, value in enumerate(found["mean"]) if value is None]
    assert missing == list(range(30, 42))
    assert [n for n, value in enumerate(found["max"]) if value is None] == missing


@pytest.mark.parametrize("points", [1, 7, 100, 143, 144, 5000])
def test_no_peak_is_lost_in_fewer_points(client: TestClient, target: Engine, points: int) -> None:
    samples = wavy(gap=range(900, 1000))
    put(target, samples)
    found = one(client, points=points)
    known = [value for value in samples if value is not None]
    assert len(found["mean"]) <= points
    assert max(v for v in found["max"] if v is not None) == max(known)
    assert min(v for v in found["min"] if v is not None) == min(known)
    per_point = found["step_s"] // 600
    lows = of_windows(samples, min)
    chunks = [lows[n : n + per_point] for n in range(0, WINDOWS, per_point)]
    expected = [min((v for v in chunk if v is not None), default=None) for chunk in chunks]
    assert found["min"] == expected


def test_a_mean_of_several_windows_is_the_mean_of_their_means(
    client: TestClient, target: Engine
) -> None:
    samples = wavy()
    put(target, samples)
    means = of_windows(samples, lambda w: sum(w) / len(w))
    found = one(client, points=72)
    pairs = zip(means[::2], means[1::2], strict=True)
    assert found["mean"] == pytest.approx([(a + b) / 2 for a, b in pairs if a and b])
    assert set(found["std"]) == {None}


def test_the_window_that_begins_at_the_end_is_in_no_point(
    client: TestClient, target: Engine
) -> None:
    """Also where the last point reaches over the end: three windows in points of two."""
    samples = wavy()
    put(target, samples)
    found = one(client, end="2025-12-05T00:30Z", points=2)
    means = of_windows(samples[:30], lambda w: sum(w) / len(w))
    assert found["mean"][1:] == pytest.approx(means[2:])


def test_directions_are_averaged_as_unit_vectors(
    redis_settings: RedisSettings, target_url: str, target: Engine
) -> None:
    northerly: Samples = list(chain(*([350.0] * 10 + [10.0] * 10 for _ in range(72))))
    put(target, northerly, variable="direction")
    with dashboard(target_url, redis_settings, circular_variables="direction") as client:
        found = one(client, variables="direction", points=72)
    turned = [(value + 180) % 360 - 180 for value in found["mean"]]
    assert turned == pytest.approx([0.0] * 72, abs=1e-6)
    assert set(found["max"]) == {None}


def test_what_is_not_there_is_all_gaps(client: TestClient, target: Engine) -> None:
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
def test_what_cant_be_drawn_is_refused(
    client: TestClient, parameters: dict[str, Any], field: str
) -> None:
    asked = {"start": "2025-12-05", "variables": "wind_speed", **parameters}
    named = fields(client.get("/api/series", params=asked))
    assert named[0].split(".")[0] == field.split(".")[0]


@pytest.mark.parametrize("points", [1, 10, 1200])
def test_a_span_has_no_more_points_than_asked_for_and_covers_all(points: int) -> None:
    for minutes in (1, 10, 1435, 1440, 525_600):
        span = Grid.cut(DAY, DAY + timedelta(minutes=minutes), window_s=600, points=points)
        assert span.points <= points
        assert span.step_s * span.points >= minutes * 60
        assert span.step_s % 600 == 0
