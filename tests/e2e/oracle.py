"""The expected contents of the target, computed by PostgreSQL in the source database."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.quality_flags import Flag
from tests.e2e.pipeline import Pipeline
from tests.ledger_sums import WRONG_SUMS

VARIABLES = ("wind_speed", "power")
STATISTICS = ("mean", "min", "max", "std")
REL_TOL = 1e-9
# Samples that cancel leave a rounding error of up to this fraction of the largest sample.
ROUNDING_TOLERANCE = 16 * sys.float_info.epsilon

# Sums of PostgreSQL's numeric are exact; sums of float8 are not.
_WINDOWS_SQL = """
WITH sample AS (
    SELECT {asset} AS asset, variable, value, timestamp - %(offset)s::interval AS timestamp,
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
    """The time range, variables and assets to compare, and how the source is sampled."""

    start: datetime
    end: datetime
    variables: Sequence[str] = VARIABLES
    assets: Sequence[str] = ("",)
    samples_per_window: int = 10
    timestamp_offset: str = "0"
    """Time from the start of a sample to its timestamp, as a PostgreSQL interval."""


@dataclass(frozen=True)
class TargetContents:
    """The rows of `data` and `quality`."""

    data: Mapping[DataKey, float]
    quality: Mapping[QualityKey, tuple[int, int, int]]


def expected_contents(pipeline: Pipeline, scope: Scope) -> TargetContents:
    """The contents that follow from the current rows of the source."""
    data: dict[DataKey, float] = {}
    quality: dict[QualityKey, tuple[int, int, int]] = {}
    for asset, variable, timestamp, count, non_finite, *values in _query_windows(pipeline, scope):
        for statistic, value in zip(STATISTICS, values, strict=True):
            if value is not None:
                data[asset, variable, statistic, timestamp] = value
        flags = Flag.INCOMPLETE * (count < scope.samples_per_window) | Flag.NON_FINITE * (
            non_finite > 0
        )
        if count != scope.samples_per_window or flags:
            quality[asset, variable, timestamp] = (count, scope.samples_per_window, int(flags))
    return TargetContents(data, quality)


def read_target(pipeline: Pipeline) -> TargetContents:
    """All rows of the target."""
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


def assert_contents_equal(actual: TargetContents, expected: TargetContents) -> None:
    """No row is missing, none is extra, and each value is correct within the tolerance."""
    missing = set(expected.data) - set(actual.data)
    extra = set(actual.data) - set(expected.data)
    assert (sorted(missing)[:5], sorted(extra)[:5]) == ([], [])
    wrong = [
        (key, actual.data[key], value)
        for key, value in expected.data.items()
        if not _is_close(actual.data[key], value, scale=_scale(expected.data, key))
    ]
    assert wrong == []
    assert actual.quality == expected.quality


def assert_target_matches_source(pipeline: Pipeline, scope: Scope) -> TargetContents:
    """The target has exactly the rows that follow from the source, and the ledger the sums that
    follow from its slices; return the rows.
    """
    assert pipeline.in_target(WRONG_SUMS) == []
    actual = read_target(pipeline)
    assert_contents_equal(actual, expected_contents(pipeline, scope))
    return actual


def _query_windows(pipeline: Pipeline, scope: Scope) -> list[tuple[Any, ...]]:
    columns = ", ".join(f"('{name}', {name})" for name in scope.variables)
    asset = "''" if tuple(scope.assets) == ("",) else "asset"
    return pipeline.in_source(
        _WINDOWS_SQL.format(asset=asset, columns=columns),
        {
            "offset": scope.timestamp_offset, "window": "10 min",
            "start": scope.start, "end": scope.end,
            "assets": list(scope.assets), "variables": list(scope.variables),
        },
    )  # fmt: skip


def _scale(data: Mapping[DataKey, float], key: DataKey) -> float:
    """The largest absolute value in the window."""
    asset, variable, _, timestamp = key
    return max(abs(data[asset, variable, extreme, timestamp]) for extreme in ("min", "max"))


def _is_close(actual: float, expected: float, *, scale: float) -> bool:
    return math.isclose(actual, expected, rel_tol=REL_TOL, abs_tol=ROUNDING_TOLERANCE * scale)
