"""The end of a page: never between rows with equal keys, and every page has a row."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.connector.paging import page_length
from shared.domain.batches import TIMESTAMP

START = datetime(2025, 12, 5, tzinfo=UTC)


def table(keys: list[tuple[str, int]], *, assets: bool) -> pa.Table:
    columns = {"timestamp": pa.array([START + timedelta(minutes=m) for _, m in keys], TIMESTAMP)}
    if assets:
        columns["asset"] = pa.array([asset for asset, _ in keys], pa.string())
    return pa.table({**columns, "power": pa.array([float(n) for n in range(len(keys))])})


@pytest.mark.parametrize(
    ("minutes", "limit", "expected"),
    [
        ([], 5, 0),
        ([1, 2, 3], 5, 3),
        ([1, 2, 3], 3, 3),
        ([1, 2, 3, 4], 3, 3),
        ([1, 2, 3, 3], 3, 2),
        ([1, 1, 2, 3], 3, 3),
        ([1, 2, 2, 2, 2], 2, 1),
        ([1, 1], 1, 2),
        ([1, 1, 1, 1], 2, 4),
    ],
)
def test_a_page_ends_before_the_ties_that_do_not_fit(
    minutes: list[int], limit: int, expected: int
) -> None:
    rows = table([("", minute) for minute in minutes], assets=False)
    assert page_length(rows, limit) == expected


def test_the_same_timestamp_of_two_assets_is_two_keys() -> None:
    assert page_length(table([("a", 1), ("b", 1)], assets=True), 1) == 1


@given(
    keys=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 4)), max_size=30).map(sorted),
    limit=st.integers(1, 12),
)
def test_every_row_is_on_one_page_and_ties_stay_together(
    keys: list[tuple[str, int]], limit: int
) -> None:
    rest = keys
    while rest:
        # The result of FETCH FIRST limit + 1 ROWS WITH TIES.
        last = rest[min(limit, len(rest) - 1)]
        fetched = [key for key in rest if key <= last]
        rows = page_length(table(fetched, assets=True), limit)
        assert rows > 0
        assert rows <= limit or len(set(fetched[:rows])) == 1
        assert rest[rows - 1 : rows] != rest[rows : rows + 1]
        rest = rest[rows:]
