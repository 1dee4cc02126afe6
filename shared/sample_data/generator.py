"""Plausible samples of a wind turbine, the same for the same seed. Pure: no clock, no I/O.

A day is computed from (seed, asset, day) alone. So its samples depend neither on the date range
nor on the size of the chunks, and memory holds only one day or one chunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shared.errors import ConfigurationError

VARIABLES = ("wind_speed", "power", "ambient_temperature")
PERIOD_MIN_S, PERIOD_MAX_S = 0.1, 600.0
CHUNK_ROWS = 200_000

CUT_IN, RATED, CUT_OUT = 3.0, 12.0, 25.0  # m/s
RATED_POWER, OWN_CONSUMPTION = 2000.0, 4.0  # kW

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DAY_S, _MINUTE_US, _DAY_US = 86_400, 60_000_000, 86_400_000_000
_EPOCH = date(1970, 1, 1)
# Keys of independent random streams.
_WEATHER, _SITE, _MIDNIGHT, _NOISE, _GAPS = range(5)

# Weather: a sum of cosines with these periods. It has no end and needs no state between days.
_WEATHER_S = np.geomspace(2.5 * 3600, 4 * _DAY_S, 16)
_WEATHER_SHARE = np.sqrt(_WEATHER_S) / np.sqrt(_WEATHER_S).sum()  # of the variance
_WEATHER_STEP_S = 600
_PEAK_HOUR = 15

# Components of the wind, as shares of the variance of a standard normal variable.
_DAILY, _GUSTS = 0.08, 0.07
_GUST_S = 150.0  # correlation time of the gusts; e^(t/150 s) of a day still fits a float
# (a + b·N)^c is close to a Weibull distribution of shape 2: one of shape 3.6 is nearly normal.
_WEIBULL_SCALE, _CENTRE, _SPREAD, _POWER = 8.4, 0.901, 0.278, 1.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Turbine:
    """One asset and how it is sampled. `gaps` is the share of minutes that are missing; about the
    same share of the minutes of each variable is null in addition. Raises `ConfigurationError`.
    """

    asset: int = 0
    period_s: float = 60.0
    gaps: float = 0.0
    random_seed: int = 1

    def __post_init__(self) -> None:
        if not PERIOD_MIN_S <= self.period_s <= PERIOD_MAX_S:
            raise ConfigurationError(
                f"a sampling period of {self.period_s} s: "
                f"give one from {PERIOD_MIN_S} to {PERIOD_MAX_S} s"
            )


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows sorted by time. `timestamps` (n) are `datetime64[us]` in UTC. `values` (3, n) are the
    variables in the order of `VARIABLES`, in m/s, kW and °C; NaN means null.
    """

    timestamps: NDArray[np.datetime64]
    values: Floats

    def __len__(self) -> int:
        return len(self.timestamps)


def count(start: date, days: int, period_s: float) -> int:
    """The number of samples of `days` days when none is missing."""
    period, first = round(period_s * 1e6), _day_us(start)
    return -(-(first + days * _DAY_US) // period) - -(-first // period)


def samples(
    turbine: Turbine, start: date, days: int, *, chunk_rows: int = CHUNK_ROWS
) -> Iterator[Samples]:
    """The samples of `days` days from `start`, in chunks of at most `chunk_rows`."""
    step = max(1, int(chunk_rows * turbine.period_s / _DAY_S))
    for first in range(0, days, step):
        day_samples = [
            one_day(turbine, start + timedelta(days=i))
            for i in range(first, min(first + step, days))
        ]
        timestamps = np.concatenate([day.timestamps for day in day_samples])
        values = np.concatenate([day.values for day in day_samples], axis=1)
        for at in range(0, len(timestamps), chunk_rows):
            yield Samples(timestamps[at : at + chunk_rows], values[:, at : at + chunk_rows])


def one_day(turbine: Turbine, day: date) -> Samples:
    """The samples with `00:00 ≤ t < 24:00` UTC, at multiples of the period since 1970-01-01."""
    start = _day_us(day)
    ticks = _ticks(start, start + _DAY_US, turbine.period_s)
    random = np.random.default_rng((_NOISE, turbine.random_seed, turbine.asset, day.toordinal()))
    # One more than the samples: the gusts end where those of the next day begin.
    noise = random.standard_normal((3, len(ticks) + 1))
    seconds = ticks / 1e6
    wind = _wind(turbine, day, seconds, noise[0])
    # The wind at the rotor differs a little from the wind at the anemometer.
    power = power_curve(wind + 0.15 * noise[1, :-1]) + 0.5 * noise[1, :-1]
    temperature = _temperature(turbine, seconds) + 0.03 * noise[2, :-1]
    values = np.stack((wind, power, temperature)).round(3)
    return _with_gaps(turbine, day, Samples(ticks.view("datetime64[us]"), values))


def power_curve(wind_speed: Floats) -> Floats:
    """Net power in kW at a wind speed in m/s: cubic up to rated; negative while it does not run."""
    cubic = (wind_speed**3 - CUT_IN**3) / (RATED**3 - CUT_IN**3)
    running = (wind_speed >= CUT_IN) & (wind_speed < CUT_OUT)
    return np.where(running, RATED_POWER * np.clip(cubic, 0, 1), 0.0) - OWN_CONSUMPTION


def _day_us(day: date) -> int:
    return (day - _EPOCH).days * _DAY_US


def _ticks(start: int, end: int, period_s: float) -> NDArray[np.int64]:
    """Multiples of the period in `[start, end)`, all in µs since 1970."""
    period = round(period_s * 1e6)
    return np.arange(-(-start // period), -(-end // period), dtype=np.int64) * period


def _wind(turbine: Turbine, day: date, seconds: Floats, noise: Floats) -> Floats:
    slow = _weather(turbine.random_seed, 0, seconds)
    normal = (
        np.sqrt(1 - _DAILY - _GUSTS) * slow
        + np.sqrt(2 * _DAILY) * _course(seconds, _DAY_S, _PEAK_HOUR * 3600)
        + np.sqrt(_GUSTS) * _gusts(turbine, day, noise)
    )
    base = np.maximum(_CENTRE + _SPREAD * normal, 0)
    speed: Floats = _exposure(turbine.random_seed, turbine.asset) * _WEIBULL_SCALE * base**_POWER
    return speed


def _temperature(turbine: Turbine, seconds: Floats) -> Floats:
    """Southern seasons, day and night, and weather that is independent of the wind."""
    year_s = 365.25 * _DAY_S
    return (
        18.0
        + 5.0 * _course(seconds, year_s, 0.05 * year_s)
        + 4.0 * _course(seconds, _DAY_S, _PEAK_HOUR * 3600)
        + 1.5 * _weather(turbine.random_seed, 1, seconds)
    )


def _course(seconds: Floats, period_s: float, peak_s: float) -> Floats:
    course: Floats = np.cos(2 * np.pi * (seconds - peak_s) / period_s)
    return course


def _weather(random_seed: int, kind: int, seconds: Floats) -> Floats:
    """Slow changes with variance 1, the same for the whole wind farm."""
    phases = np.random.default_rng((_WEATHER, random_seed, kind)).uniform(size=len(_WEATHER_S))
    first, last = seconds[0] // _WEATHER_STEP_S, seconds[-1] // _WEATHER_STEP_S + 2
    knots = np.arange(first, last) * _WEATHER_STEP_S
    waves = np.cos(2 * np.pi * (knots[:, None] / _WEATHER_S + phases))
    weather: Floats = np.interp(seconds, knots, waves @ np.sqrt(2 * _WEATHER_SHARE))
    return weather


def _gusts(turbine: Turbine, day: date, noise: Floats) -> Floats:
    """AR(1) noise with variance 1; the midnights at both ends have fixed random values."""
    times = np.arange(len(noise)) * turbine.period_s / _GUST_S
    # x[n] = a·x[n-1] + s·noise[n] with a = e^-step, solved for all n at once.
    growth = np.exp(times)
    steps = noise * growth * np.sqrt(1 - np.exp(-2 * times[1]))
    steps[0] = _midnight(turbine, day)
    walk = np.cumsum(steps) / growth
    mismatch = _midnight(turbine, day + timedelta(days=1)) - walk[-1]
    gusts: Floats = (walk + mismatch * (growth / growth[-1]))[:-1]
    return gusts


def _midnight(turbine: Turbine, day: date) -> float:
    key = (_MIDNIGHT, turbine.random_seed, turbine.asset, day.toordinal())
    return float(np.random.default_rng(key).standard_normal())


@lru_cache(maxsize=1024)
def _exposure(random_seed: int, asset: int) -> float:
    """How windy the place of an asset is, relative to the mean of the wind farm."""
    return float(np.random.default_rng((_SITE, random_seed, asset)).uniform(0.95, 1.05))


def _with_gaps(turbine: Turbine, day: date, complete: Samples) -> Samples:
    """Remove whole hours and single minutes; set others to null in one variable only."""
    if not turbine.gaps:
        return complete
    random = np.random.default_rng((_GAPS, turbine.random_seed, turbine.asset, day.toordinal()))
    minute = (complete.timestamps.view(np.int64) - _day_us(day)) // _MINUTE_US
    values = complete.values.copy()
    for row in values:
        row[_random_minutes(random, turbine.gaps)[minute]] = np.nan
    present = ~_random_minutes(random, turbine.gaps)[minute]
    return Samples(complete.timestamps[present], values[:, present])


def _random_minutes(random: np.random.Generator, share: float) -> Bools:
    """Which of the 1440 minutes of a day are affected: half of them in whole hours."""
    half = 1 - np.sqrt(1 - share)
    minutes: Bools = (random.random(24) < half).repeat(60) | (random.random(1440) < half)
    return minutes
