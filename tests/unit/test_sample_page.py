"""The order of the pages of one query: what the connector may send, and each violation."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.extractor.sample_client import sample_page
from services.extractor.sample_page import AssetRun, PageOrder, SamplePage, asset_runs
from shared.domain.batches import TIMESTAMP
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput
from tests.unit.batches import DAY

Rows = Sequence[tuple[str, float | None]]
HOUR = TimeRange(DAY, DAY + timedelta(hours=1))
MICROSECOND = timedelta(microseconds=1)
ASSETS = ("T01", "T02", "T03")


def page(rows: Rows) -> SamplePage:
    """Rows of (asset, minute); None is a missing timestamp."""
    timestamps = [None if m is None else DAY + timedelta(minutes=m) for _, m in rows]
    assets = pa.chunked_array([pa.array([asset for asset, _ in rows], pa.string())])
    table = pa.table({"timestamp": pa.array(timestamps, TIMESTAMP)})
    return SamplePage(table, list(asset_runs(assets)))


def require(
    *pages: Rows, assets: Sequence[str] = ASSETS, snapshot: timedelta = MICROSECOND
) -> None:
    """Check these pages, one after the other."""
    order = PageOrder(assets, HOUR, snapshot)
    for rows in pages:
        order.require(page(rows))


@given(st.data())
def test_ordered_rows_of_the_assets_are_accepted_for_any_pages(data: st.DataObject) -> None:
    """The connector decides the order of the assets, and does not divide equal timestamps."""
    assets = data.draw(st.permutations(ASSETS))
    times = st.lists(st.integers(0, 59), unique=True, max_size=20).map(sorted)
    rows = [(asset, float(minute)) for asset in assets for minute in data.draw(times)]
    pages = []
    while rows:
        length = data.draw(st.integers(1, 8))
        pages.append(rows[:length])
        rows = rows[length:]
    require(*pages)


@pytest.mark.parametrize(
    "pages",
    [
        [[("T01", 0), ("T01", 0), ("T01", 1)]],
        [[("T01", 59)], [("T02", 0)]],
        [[("T03", 5), ("T01", 5)], [("T01", 6), ("T02", 1)]],
        [[("T02", 0)], [("T02", 59 + 59 / 60)]],
        [],
    ],
    ids=["equal timestamps", "next asset", "any order", "the whole range", "none"],
)
def test_what_the_connector_may_send_is_accepted(pages: list[Rows]) -> None:
    require(*pages)


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        ([[("T01", 60)]], "outside the range"),
        ([[("T01", -1 / 60)]], "outside the range"),
        ([[("T01", 5), ("T02", 60)]], "outside the range"),
        ([[("T01", 5), ("T02", -1), ("T03", 5)]], "outside the range"),
        ([[("T01", 2), ("T01", 1)]], "out of order"),
        ([[("T01", 1), ("T02", 2), ("T02", 1), ("T03", 3)]], "out of order"),
        ([[("T01", None)]], "outside the range"),
        ([[("T01", 1), ("T02", None), ("T03", 2)]], "out of order"),
        ([[("T01", 1)], [("T01", 1)]], "do not advance"),
        ([[("T01", 5)], [("T01", 4)]], "do not advance"),
        ([[("T01", 1), ("T02", 5)], [("T02", 5), ("T03", 1)]], "do not advance"),
        ([[("T01", 1), ("T02", 1), ("T01", 2)]], "T01 a second time"),
        ([[("T01", 1)], [("T02", 1)], [("T01", 2)]], "T01 a second time"),
        ([[("T04", 1)]], "T04 a second time or unrequested"),
        ([[("T01", 1), ("", 1)]], "a second time or unrequested"),
    ],
    ids=range(15),
)
def test_each_violation_is_refused(pages: list[Rows], problem: str) -> None:
    require(*pages[:-1])
    with pytest.raises(InvalidInput, match=problem) as rejected:
        require(*pages)
    assert rejected.value.reason == "contract"


@pytest.mark.parametrize(
    ("minutes", "is_divided"), [((1, 29), True), ((29, 30), False), ((30, 59), True)]
)
def test_no_snapshot_may_be_divided_between_two_pages(
    minutes: tuple[int, int], is_divided: bool
) -> None:
    first, second = minutes
    pages = [("T01", float(first))], [("T01", float(second)), ("T02", 0.0)]
    if not is_divided:
        require(*pages, snapshot=timedelta(minutes=30))
        return
    with pytest.raises(InvalidInput, match="divides a snapshot") as rejected:
        require(*pages, snapshot=timedelta(minutes=30))
    assert rejected.value.reason == "contract"


def test_a_source_without_asset_column_has_one_asset_without_a_name() -> None:
    require([("", 1)], [("", 2)], assets=[""])


@given(st.lists(st.sampled_from(["", "T01", "T02"]), max_size=30), st.integers(0, 30))
def test_runs_are_the_rows_with_the_same_asset_that_follow_each_other(
    assets: list[str], at: int
) -> None:
    """The column can be in several chunks."""
    column = pa.chunked_array([assets[:at], assets[at:]], pa.string())
    runs = list(asset_runs(column))
    assert [run.asset for run in runs for _ in range(run.first, run.end)] == assets
    assert all(one.asset != following.asset for one, following in pairwise(runs))
    assert [run.first for run in runs[1:]] == [run.end for run in runs[:-1]]


def test_a_column_without_rows_has_no_runs() -> None:
    assert list(asset_runs(pa.chunked_array([], pa.string()))) == []
    assert list(asset_runs(pa.chunked_array([["T01"]]))) == [AssetRun("T01", 0, 1)]


RESPONSE = pa.table(
    {
        "asset": pa.array(["T01", "T02", "T02"], pa.string()),
        "timestamp": pa.array([DAY] * 3, TIMESTAMP),
        "power": pa.array([1.0, 2.0, 3.0], pa.float64()),
    }
)


def test_a_response_has_the_asset_of_each_row() -> None:
    read = sample_page(RESPONSE, ["T01", "T02"], ("power",))
    assert read.runs == [AssetRun("T01", 0, 1), AssetRun("T02", 1, 3)]
    assert read.table == RESPONSE.drop_columns("asset")


@pytest.mark.parametrize("asset", ["", "T01"])
def test_without_asset_column_all_rows_are_of_the_one_requested_asset(asset: str) -> None:
    read = sample_page(RESPONSE.drop_columns("asset"), [asset], ("power",))
    assert read.runs == [AssetRun(asset, 0, 3)]
    assert sample_page(read.table.slice(0, 0), [asset], ("power",)).runs == []


@pytest.mark.parametrize(
    ("table", "assets"),
    [
        (RESPONSE.drop_columns("asset"), ["T01", "T02"]),
        (RESPONSE, [""]),
        (RESPONSE.drop_columns("power"), ["T01", "T02"]),
        (RESPONSE.append_column("other", RESPONSE["power"]), ["T01", "T02"]),
        (RESPONSE.select(["asset", "power", "timestamp"]), ["T01", "T02"]),
    ],
    ids=["no assets", "unrequested assets", "missing", "unrequested", "order"],
)
def test_other_columns_than_requested_are_refused(table: pa.Table, assets: list[str]) -> None:
    with pytest.raises(InvalidInput) as rejected:
        sample_page(table, assets, ("power",))
    assert rejected.value.reason == "contract"
