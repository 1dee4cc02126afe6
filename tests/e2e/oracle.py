"""What should stand in the target, computed in the source by PostgreSQL itself."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.quality_flags import Flag
from tests.e2e.pipeline import Pipeline

VARIABLES = ("wind_speed", "power")
STATISTICS = ("mean", "min", "max", "std")
REL_TOL = 1e-9
# A sum of samples that cancel has no digits left below this many roundings of the largest.
ROUNDING_TOLERANCE = 16 * sys.float_info.epsilon

# PostgreSQL's numeric is exact where its own sums of floats are not.
_WINDOWS_SQL = """
WITH sample AS (
    SELECT {asset} AS asset, variable, value, timestamp - %(late)s::interval AS timestamp,
           value NOT IN ('NaN', 'Infinity', '-Infinity') AS finite
    FROM data, LATERAL (VALUES {columns}) AS v(variable, value)
), binned AS (
    SELECT asset, variable, date_bin(%(window)s::interval, timestamp, '1970-01-01Z') AS timestamp,
           count(*) FILTER (WHERE finite) AS count,
           count(*) FILTER (WHERE NOT finite) AS non_finite,
           avg(value::text::numeric) FILTER (WHERE finite) AS mean,
           min(value) FILTER (WHERE finite) AS min,
           max(value) FILTER (WHERE finite) AS max,
           stddev_samp(value::text::numeric) FILTER (WHERE finite) AS std
    FROM sample GROUP BY 1, 2, 3
)
SELECT asset, variable, timestamp, coalesce(count, 0), coalesce(non_finite, 0),
       mean::float8, min, max, std::float8
FROM unnest(%(assets)s::text[]) AS asset
CROSS JOIN unnest(%(variables)s::text[]) AS variable
CROSS JOIN generate_series(%(start)s, %(end)s - %(window)s::interval, %(window)s::interval)
    AS timestamp
LEFT JOIN binned USING (asset, variable, timestamp)
"""

DataKey = tuple[str, str, str, datetime]
QualityKey = tuple[str, str, datetime]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What was asked for, and what the source is like."""

    start: datetime
    end: datetime
    variables: Sequence[str] = VARIABLES
    assets: Sequence[str] = ("",)
    samples_per_window: int = 10
    timestamp_offset: str = "0"
    """How long after its sample's start a stamp is."""


@dataclass(frozen=True)
class TargetContents:
    """The rows of `data` and of `quality`."""

    data: Mapping[DataKey, float]
    quality: Mapping[QualityKey, tuple[int, int, int]]


def expected_contents(pipeline: Pipeline, span: Scope) -> TargetContents:
    """What one process would have computed from the source as it is now."""
    data: dict[DataKey, float] = {}
    quality: dict[QualityKey, tuple[int, int, int]] = {}
    for asset, variable, stamp, count, non_finite, *values in _windows(pipeline, span):
        for statistic, value in zip(STATISTICS, values, strict=True):
            if value is not None:
                data[asset, variable, statistic, stamp] = value
        flags = Flag.INCOMPLETE * (count < span.samples_per_window) | Flag.NON_FINITE * (
            non_finite > 0
        )
        if count != span.samples_per_window or flags:
            quality[asset, variable, stamp] = (count, span.samples_per_window, int(flags))
    return TargetContents(data, quality)


def read_target(pipeline: Pipeline) -> TargetContents:
    """Everything that stands in the target."""
    data = pipeline.in_target(
        "SELECT s.asset, s.variable, s.statistic, d.timestamp, d.value "
        "FROM data d JOIN signal s ON s.id = d.signal_id"
    )
    quality = pipeline.in_target(
        "SELECT asset, variable, timestamp, count, expected, flags FROM quality"
    )
    return TargetContents(
        {(a, v, s, t): value for a, v, s, t, value in data},
        {(a, v, t): (count, expected, flags) for a, v, t, count, expected, flags in quality},
    )


def assert_contents_equal(found: TargetContents, wanted: TargetContents) -> None:
    """Nothing is missing, nothing is extra, and every value is right."""
    missing, extra = set(wanted.data) - set(found.data), set(found.data) - set(wanted.data)
    assert (sorted(missing)[:5], sorted(extra)[:5]) == ([], [])
    wrong = [
        (key, found.data[key], value)
        for key, value in wanted.data.items()
        if not _close(found.data[key], value, scale=_scale(wanted.data, key))
    ]
    assert wrong == []
    assert found.quality == wanted.quality


def assert_target_matches_source(pipeline: Pipeline, span: Scope) -> TargetContents:
    """The target holds what the source says, and nothing else."""
    found = read_target(pipeline)
    assert_contents_equal(found, expected_contents(pipeline, span))
    return found


def _windows(pipeline: Pipeline, span: Scope) -> list[tuple[Any, ...]]:
    columns = ", ".join(f"('{name}', {name})" for name in span.variables)
    asset = "''" if tuple(span.assets) == ("",) else "asset"
    return pipeline.in_source(
        _WINDOWS_SQL.format(asset=asset, columns=columns),
        {
            "late": span.timestamp_offset, "window": "10 min", "start": span.start, "end": span.end,
            "assets": list(span.assets), "variables": list(span.variables),
        },
    )  # fmt: skip


def _scale(data: Mapping[DataKey, float], key: DataKey) -> float:
    """The largest sample of the window."""
    asset, variable, _, stamp = key
    return max(abs(data[asset, variable, extreme, stamp]) for extreme in ("min", "max"))


def _close(found: float, wanted: float, *, scale: float) -> bool:
    return math.isclose(found, wanted, rel_tol=REL_TOL, abs_tol=ROUNDING_TOLERANCE * scale)
