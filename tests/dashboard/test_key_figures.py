"""Energy, mean wind speed and capacity factor, compared with sums over the samples."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from services.dashboard.queries import assets
from services.dashboard.queries.key_figures import KeyFigures, key_figures
from services.dashboard.queries.power_curve import MAX_POINTS
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from shared.domain.time_range import TimeRange
from tests.dashboard.dashboard_client import UNREACHABLE_URL, get, load
from tests.integration.loader import DAY, ONE_DAY, batch, new_job, sliced

MINUTES = 1440
BOTH = ("wind_speed", "power")
SAME_WINDOWS_AGAIN = """
    INSERT INTO data (timestamp, signal_id, value)
    SELECT timestamp - n * interval '10 minutes', signal_id, value
    FROM data, generate_series(1, :windows - 1) n
"""


def put(
    target: Engine, wind: list[float | None], power: list[float | None], *, asset: str = "T01"
) -> None:
    spec = sliced(ONE_DAY)
    job = new_job(target, spec=spec, variables=BOTH)
    load(target, batch(job, wind, power, length=ONE_DAY, variables=BOTH, spec=spec, asset=asset))


def figures(
    target: Engine, *, days: float = 1, unit: str | None = None, **changed: Any
) -> KeyFigures:
    settings = DashboardSettings(
        port=0, target_url="postgresql://x/x", redis_url="redis://x", connector_url=UNREACHABLE_URL,
        extractor_url=UNREACHABLE_URL, **changed,
    )  # fmt: skip
    time_range = TimeRange(DAY, DAY + days * ONE_DAY)
    with target.begin() as connection:
        connection.execute(text("UPDATE signal SET unit = :unit"), {"unit": unit})
    return key_figures(Target(target), {"T01": time_range}, settings)["T01"]


def with_holes(value: float) -> list[float | None]:
    """A day of samples; some whole windows and parts of others are missing."""
    return [None if 100 <= n < 175 or n % 17 == 0 else value + n / 1440 for n in range(MINUTES)]


def test_energy_is_the_sum_over_the_samples_that_are_present(target: Engine) -> None:
    power = with_holes(500.0)
    put(target, with_holes(7.0), power)
    known = [value for value in power if value is not None]
    result = figures(target)
    assert result.energy_kwh == pytest.approx(sum(known) / 60)
    assert result.power_coverage == pytest.approx(len(known) / MINUTES)


def test_mean_wind_is_the_mean_of_the_samples(target: Engine) -> None:
    wind = with_holes(7.0)
    put(target, wind, with_holes(500.0))
    known = [value for value in wind if value is not None]
    assert figures(target).mean_wind == pytest.approx(sum(known) / len(known))


def test_a_window_that_starts_at_the_end_is_left_out(target: Engine) -> None:
    """One window of the half day is missing: without it the window at the end would show."""
    put(target, [7.0] * MINUTES, [*[None] * 10, *[500.0] * (MINUTES - 10)])
    result = figures(target, days=0.5)
    assert result.energy_kwh == pytest.approx(500.0 * 710 / 60)
    assert result.power_coverage == pytest.approx(71 / 72)


def test_windows_of_another_length_and_other_assets_do_not_count(target: Engine) -> None:
    put(target, [7.0] * MINUTES, [500.0] * MINUTES)
    hourly = sliced(ONE_DAY, window_s=3600)
    job = new_job(target, spec=hourly, variables=BOTH)
    half: list[float | None] = [900.0 if n % 2 else None for n in range(MINUTES)]
    for asset in ("", "T01"):
        load(target, batch(job, half, half, length=ONE_DAY, variables=BOTH, spec=hourly,
                           asset=asset))  # fmt: skip
    with target.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO quality SELECT asset, 'power', 600, timestamp, 5, 10, 0 FROM quality "
            "WHERE asset = '' AND variable = 'power'"
        )
    result = figures(target)
    assert result.energy_kwh == pytest.approx(12_000)
    assert result.power_coverage == 1.0
    assert assets.latest_days(Target(target), 600, ZoneInfo("UTC")) == {"T01": DAY.date()}


def test_coverage_is_a_share_of_the_whole_time_range(target: Engine) -> None:
    put(target, [7.0] * MINUTES, [500.0] * MINUTES)
    assert figures(target, days=4).power_coverage == pytest.approx(0.25)


def test_the_capacity_factor_counts_only_time_with_power(target: Engine) -> None:
    put(target, [7.0] * MINUTES, [500.0] * 720 + [None] * 720)
    assert figures(target).capacity_factor is None
    assert figures(target, rated_power_kw={"T02": 9}).capacity_factor is None
    rated = {"*": 9, "T01": 2000}
    assert figures(target, rated_power_kw=rated).capacity_factor == pytest.approx(0.25)
    assert figures(target, rated_power_kw={"*": 1000}).capacity_factor == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("unit", "kwh"), [("kW", 12_000), ("W", 12), ("MW", 12_000_000), (None, 12_000), ("hp", None)]
)
def test_energy_depends_on_the_unit_of_power(
    target: Engine, unit: str | None, kwh: float | None
) -> None:
    put(target, [7.0] * MINUTES, [500.0] * MINUTES)
    assert figures(target, unit=unit).energy_kwh == (kwh and pytest.approx(kwh))


def test_without_windows_there_are_no_figures(target: Engine) -> None:
    assert figures(target) == KeyFigures(
        mean_wind=None, wind_coverage=0.0, energy_kwh=None, power_coverage=0.0,
        capacity_factor=None,
    )  # fmt: skip


def set_counts(target: Engine, *counts: int, expected: int = 10) -> None:
    """Set the numbers of samples that `quality` reports for the first windows of power."""
    with target.begin() as connection:
        for n, count in enumerate(counts):
            connection.execute(
                text("INSERT INTO quality VALUES ('T01', 'power', 600, :at, :count, :expected, 0)"),
                {"at": DAY + n * timedelta(minutes=10), "count": count, "expected": expected},
            )


def test_an_early_sample_counts_for_its_neighbour(target: Engine) -> None:
    put(target, [7.0] * MINUTES, [500.0] * MINUTES)
    set_counts(target, *[11, 9] * 72)
    result = figures(target)
    assert result.energy_kwh == pytest.approx(12_000)
    assert result.power_coverage == pytest.approx(1.0)


def test_extra_samples_in_a_window_do_not_add_energy(target: Engine) -> None:
    put(target, [7.0] * MINUTES, [500.0] * 720 + [None] * 720)
    set_counts(target, 20)
    assert figures(target).energy_kwh == pytest.approx(12_000 * 72.1 / 144)


@pytest.mark.parametrize("period_s", [600.0, 120.0])
def test_samples_more_frequent_than_the_setting_do_not_add_energy(
    target: Engine, period_s: float
) -> None:
    spec = sliced(ONE_DAY, period_s=period_s)
    job = new_job(target, spec=spec, variables=("power",))
    power: list[float | None] = [500.0] * MINUTES
    load(target, batch(job, power, length=ONE_DAY, variables=("power",), spec=spec, asset="T01"))
    result = figures(target, sampling_period_s=period_s)
    assert result.energy_kwh == pytest.approx(12_000)
    assert result.power_coverage == 1.0


def test_each_asset_has_its_own_unit(target: Engine) -> None:
    for asset in ("", "T01"):
        put(target, [7.0] * MINUTES, [500.0] * MINUTES, asset=asset)
    with target.begin() as connection:
        connection.exec_driver_sql("UPDATE signal SET unit = 'MW' WHERE asset = ''")
        connection.exec_driver_sql("UPDATE signal SET unit = 'kW' WHERE asset = 'T01'")
    for asset, unit in (("", "MW"), ("T01", "kW")):
        assert assets.units(Target(target), 600, asset)["power"] == unit


def test_windows_loaded_with_another_sampling_period_keep_their_length(target: Engine) -> None:
    put(target, [7.0] * MINUTES, [500.0] * MINUTES)
    set_counts(target, *[30] * 144, expected=60)
    result = figures(target)
    assert result.energy_kwh == pytest.approx(6_000)
    assert result.power_coverage == pytest.approx(0.5)


def test_a_period_that_does_not_divide_the_window_loses_no_energy(target: Engine) -> None:
    """400 s: two samples are expected per window, and every second window has one."""
    put(target, [7.0] * MINUTES, [500.0] * MINUTES)
    set_counts(target, *[2, 1] * 72, expected=2)
    with target.begin() as connection:
        connection.execute(text("DELETE FROM quality WHERE count = expected"))
    result = figures(target, sampling_period_s=400.0)
    assert result.energy_kwh == pytest.approx(12_000)
    assert result.power_coverage == pytest.approx(1.0)


def test_the_power_curve_has_the_means_of_bins_of_half_a_metre_per_second(
    client: TestClient, target: Engine
) -> None:
    wind = [6.2] * 10 + [6.3] * 10 + [6.8] * 10 + [9.0] * 10
    power = [100.0] * 10 + [200.0] * 10 + [300.0] * 10 + [None] * 10
    put(target, [*wind], [*power])
    curve = get(client, "/api/power-curve", asset="T01", start="2025-12-05").json()
    assert [tuple(point) for point in curve["points"]] == [(6.2, 100), (6.3, 200), (6.8, 300)]
    assert curve["bins"] == [
        {"centre": 6.0, "wind": 6.2, "power": 100.0, "windows": 1},
        {"centre": 6.5, "wind": 6.3, "power": 200.0, "windows": 1},
        {"centre": 7.0, "wind": 6.8, "power": 300.0, "windows": 1},
    ]


def test_the_power_curve_leaves_out_a_window_that_starts_at_the_end(
    client: TestClient, target: Engine
) -> None:
    put(target, [7.0] * MINUTES, [500.0] * MINUTES)
    params = {"asset": "T01", "start": "2025-12-05", "end": "2025-12-05T01:00Z"}
    assert len(get(client, "/api/power-curve", **params).json()["points"]) == 6


def test_a_large_cloud_is_thinned_and_its_bins_are_not(client: TestClient, target: Engine) -> None:
    put(target, [7.0] * 10, [500.0] * 10)
    windows = 2 * MAX_POINTS + 1
    with target.begin() as connection:
        connection.execute(text(SAME_WINDOWS_AGAIN), {"windows": windows})
    curve = get(
        client, "/api/power-curve", asset="T01", start="2025-10-01", end="2025-12-06"
    ).json()
    assert len(curve["points"]) == windows // 3
    assert [bin_["windows"] for bin_ in curve["bins"]] == [windows]
