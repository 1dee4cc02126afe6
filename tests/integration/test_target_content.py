"""PostgreSQL and numpy compute the same content of slices."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from services.aggregator.aggregate import aggregate
from services.loader import slice_content
from shared.domain.batches import StatsBatch
from shared.domain.content_hash import combine, data_hashes, quality_hashes, seed_of, series_of
from shared.domain.fingerprint import Ints
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.ledger.target_content import contents
from tests.integration.loader import TRACE, fetch, loader, new_job, sliced
from tests.unit.batches import raw_batch

DAY = datetime(2025, 12, 5, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
ASSETS, VARIABLES, STATISTICS = ("", "T01"), ("wind_speed", "power"), ("mean", "std")
SPEC = StatisticsSpec(statistics=STATISTICS)
SERIES = series_of(VARIABLES, STATISTICS)
WINDOWS = 12
NAME = "{asset}_{variable}_{statistic}_{window}"
SLICES = [
    Slice(job=1, asset=asset, start=DAY + n * WINDOW, end=DAY + (n + 6) * WINDOW,
          variables=VARIABLES, spec=SPEC)
    for asset in ASSETS for n in (0, 6)
]  # fmt: skip

windows = st.integers(0, WINDOWS - 1)
counts = st.integers(0, 2**31 - 1)
data_rows = st.dictionaries(
    st.tuples(
        st.sampled_from(ASSETS), st.sampled_from(VARIABLES), st.sampled_from(STATISTICS), windows
    ),
    st.floats(allow_nan=False),
    max_size=30,
)
quality_rows = st.dictionaries(
    st.tuples(st.sampled_from(ASSETS), st.sampled_from(VARIABLES), windows),
    st.tuples(counts, counts, st.integers(0, 31)),
    max_size=15,
)
Data = dict[tuple[str, str, str, int], float]
Quality = dict[tuple[str, str, int], tuple[int, int, int]]


@pytest.fixture
def connection(target: Engine) -> Iterator[Connection]:
    """A target with the signals of `SLICES`, and others that are not theirs."""
    with target.connect() as connection:
        connection.execute(
            text("""
            INSERT INTO signal (name, asset, variable, statistic, window_s)
            SELECT concat_ws('/', a, v, s, w), a, v, s, w
            FROM unnest(ARRAY['', 'T01', 'T02']) a, unnest(ARRAY['wind_speed', 'power', 'gust']) v,
                 unnest(ARRAY['mean', 'std', 'max']) s, unnest(ARRAY[600, 60]) w
        """)
        )
        yield connection


@given(data_rows, quality_rows)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_compute_the_same(connection: Connection, data: Data, quality: Quality) -> None:
    with connection.begin_nested() as example:
        _insert(connection, data, quality)
        found = _found(connection, SLICES)
        example.rollback()
    assert found == [_contents(slice_, data, quality) for slice_ in SLICES]


def test_only_the_rows_of_the_slice_count(connection: Connection) -> None:
    connection.execute(
        text("""
        INSERT INTO data SELECT t, id, 1.0 FROM signal,
            unnest(ARRAY['2025-12-04 23:50Z', '2025-12-05 02:00Z']::timestamptz[]) t
        UNION ALL SELECT '2025-12-05Z', id, 1.0 FROM signal
        WHERE (asset, variable, statistic, window_s) NOT IN (
            SELECT a, v, s, 600 FROM unnest(ARRAY['', 'T01']) a,
            unnest(ARRAY['wind_speed', 'power']) v, unnest(ARRAY['mean', 'std']) s)
    """)
    )
    connection.execute(
        text("""
        INSERT INTO quality VALUES
        ('T01', 'power', 60, '2025-12-05Z', 1, 2, 3), ('T01', 'gust', 600, '2025-12-05Z', 1, 2, 3),
        ('T02', 'power', 600, '2025-12-05Z', 1, 2, 3),
        ('T01', 'power', 600, '2025-12-05 02:00Z', 1, 2, 3)
    """)
    )
    assert _found(connection, SLICES) == [[0] * len(SERIES)] * len(SLICES)


def _found(connection: Connection, slices: Sequence[Slice]) -> list[list[int]]:
    spans = [(slice_.asset, slice_.time_range) for slice_ in slices]
    return contents(connection, spans, SERIES, window_s=600)


def _insert(connection: Connection, data: Data, quality: Quality) -> None:
    for (asset, variable, statistic, window), value in data.items():
        connection.execute(
            text(
                "INSERT INTO data SELECT :timestamp, id, :value FROM signal WHERE asset = :asset "
                "AND variable = :variable AND statistic = :statistic AND window_s = 600"
            ),
            {"timestamp": DAY + window * WINDOW, "value": value, "asset": asset,
             "variable": variable, "statistic": statistic},
        )  # fmt: skip
    for (asset, variable, window), (count, expected, flags) in quality.items():
        connection.execute(
            text(
                "INSERT INTO quality "
                "VALUES (:asset, :variable, 600, :timestamp, :count, :expected, :flags)"
            ),
            {"asset": asset, "variable": variable, "timestamp": DAY + window * WINDOW,
             "count": count, "expected": expected, "flags": flags},
        )  # fmt: skip


def _contents(slice_: Slice, data: Data, quality: Quality) -> list[int]:
    """As the loader computes them: from one array for each statistic of each variable."""
    numbers = [n for n in range(WINDOWS) if slice_.start <= DAY + n * WINDOW < slice_.end]
    result = []
    for variable in VARIABLES:
        for statistic in STATISTICS:
            values = [data.get((slice_.asset, variable, statistic, n), np.nan) for n in numbers]
            hashes = data_hashes(
                _us(numbers), _seeds(numbers, variable, statistic), np.array(values)
            )
            result.append(combine(map(int, hashes)))
        bad = [n for n in numbers if (slice_.asset, variable, n) in quality]
        rows = np.array([quality[slice_.asset, variable, n] for n in bad], np.int64).reshape(-1, 3)
        hashes = quality_hashes(_us(bad), _seeds(bad, variable, None), *rows.T)
        result.append(combine(map(int, hashes)))
    return result


def _seeds(rows: Sequence[object], variable: str, statistic: str | None) -> Ints:
    return np.full(len(rows), seed_of(variable, statistic), np.int64)


def _us(numbers: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    first = np.int64(DAY.timestamp() * 1_000_000)
    return first + np.array(numbers, np.int64) * 600_000_000


def test_the_loader_records_the_content(target: Engine) -> None:
    """Of slices with gaps, values that are not finite, and no samples at all."""
    older, newer = (new_job(target, slices=2, variables=VARIABLES) for _ in range(2))
    batch = _batch(newer)
    loader(target, template=NAME).load([batch])
    with target.connect() as connection:
        spans = [(slice_.asset, slice_.time_range) for slice_ in batch.slices]
        series = series_of(VARIABLES, sliced().statistics)
        found = contents(connection, spans, series, window_s=600)
    assert _recorded(target, newer) == slice_content.contents(batch) == found
    assert len({0, *(content for of_slice in found for content in of_slice)}) > 10
    loader(target, template=NAME).load([_batch(older)])
    assert _recorded(target, older) == [[None] * len(series)] * 2


def test_the_contents_of_series_that_no_newer_job_has_are_recorded(target: Engine) -> None:
    means = sliced(statistics=("mean",))
    older = new_job(target, slices=2, variables=VARIABLES)
    newer = new_job(target, slices=2, variables=VARIABLES, spec=means)
    loader(target, template=NAME).load([_batch(newer, means)])
    loader(target, template=NAME).load([_batch(older)])
    is_recorded = [[content is not None for content in row] for row in _recorded(target, older)]
    assert is_recorded == [[False, True, True, True, False] * 2] * 2


def _batch(job: int, spec: StatisticsSpec | None = None) -> StatsBatch:
    parts = tuple(
        Slice(
            job=job, asset=asset, start=DAY, end=DAY + 6 * WINDOW, variables=VARIABLES,
            spec=spec or sliced(), trace=TRACE,
        )
        for asset in ASSETS
    )  # fmt: skip
    minutes = [n for n in range(60) if n % 7]
    raw = raw_batch(
        parts[0], [60.0 * n for n in minutes],
        [float(n) for n in minutes], [np.inf if n == 30 else 0.0 for n in minutes],
    )  # fmt: skip
    return aggregate(replace(raw, slices=parts, rows=(len(minutes), 0)))


def _recorded(target: Engine, job: int) -> list[list[int | None]]:
    rows = fetch(
        target, "SELECT contents FROM etl.slice WHERE job_id = :job ORDER BY asset", job=job
    )
    return [contents for (contents,) in rows]
