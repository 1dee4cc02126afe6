"""Entries of each version, as the release of that time wrote them. Their files never change.

A file has the fields of one entry; its payload is base64. A release can read entries of two
versions: its own and the previous one (docs/upgrade.md).
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.domain.batches import RawBatch, StatsBatch
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput
from tests.unit.wire import Wire, signed, wire

FOLDER = Path(__file__).parent / "entries"
DAY = datetime(2025, 12, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEDGER = "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa"
SPEC = StatisticsSpec(
    window_s=1_800, period_s=300.0, statistics=("mean", "min", "max", "std"), ddof=0,
    circular_variables=("wind_direction",), flatline_s=600.0, value_limits={"power": (-50, 2_000)},
    slice_s=3_600,
)  # fmt: skip
NOTHING = ("0" * 16, "0" * 16)
FINGERPRINTS = ("b41ffa108a06bd04", "2808f329f9303068")
OF_ONE_SAMPLE = ("a55f9a7ce16e8a35", "003a523e13101c34")
OF_ARROW = {b"payload", b"size", b"checksum"}
"""What another release of Arrow can encode differently."""
NAN = "NaN"

SAMPLES = [
    (0.0, 100.0, 350.0), (300.0, 104.0, 10.0), (300.0, 102.0, 10.0), (1_800.0, -60.5, None),
    (3_599.5, NAN, 90.0),
]  # fmt: skip
WINDOWS = [
    (0.0, 6, 2, 5, 101.0, 100.0, 102.0, 1.0, 2, 5, 0.0, 350.0, 10.0, 10.025560248464686),
    (1_800.0, 6, 1, 19, -60.5, -60.5, -60.5, None, 1, 1, 90.0, 90.0, 90.0, None),
]
OTHER_SAMPLES = [(900.0, 7.0, 180.0)]
OTHER_WINDOWS = [
    (3_600.0, 6, 0, 1, *[None] * 4, 0, 1, *[None] * 4),
    (5_400.0, 6, 0, 1, *[None] * 4, 0, 1, *[None] * 4),
    (0.0, 6, 1, 1, 7.0, 7.0, 7.0, None, 1, 1, 180.0, 180.0, 180.0, None),
    (1_800.0, 6, 0, 1, *[None] * 4, 0, 1, *[None] * 4),
]


def frozen(version: int, kind: str) -> Wire:
    fields = json.loads((FOLDER / f"version_{version}_{kind}.json").read_text())
    payload = base64.b64decode(fields.pop("payload"))
    return {**{k.encode(): v.encode() for k, v in fields.items()}, b"payload": payload}


def slice_of(asset: str = "T01", hour: int = 0, *, ledger: str = LEDGER) -> Slice:
    return Slice(
        job=12, attempt=3, asset=asset, start=DAY + hour * HOUR, end=DAY + (hour + 1) * HOUR,
        variables=("power", "wind_direction"), spec=SPEC, trace="trace-12",
        ledger=ledger,
    )  # fmt: skip


OF_VERSION_1 = (slice_of(ledger=""),)
SLICES = (slice_of(), slice_of(hour=1), slice_of("Tür,2"))


def rows(batch: RawBatch | StatsBatch) -> list[tuple[Any, ...]]:
    """The rows of the table, with timestamps as seconds since `DAY` and NaN as text."""
    return [
        ((timestamp - DAY).total_seconds(), *(NAN if v != v else v for v in values))
        for timestamp, *values in (row.values() for row in batch.table.to_pylist())
    ]


@pytest.mark.parametrize(
    ("version", "slices", "counts", "table"),
    [
        (1, OF_VERSION_1, (5,), SAMPLES),
        (2, SLICES, (5, 0, 1), SAMPLES + OTHER_SAMPLES),
    ],
    ids=["1", "2"],
)
def test_samples_of_each_version_are_read(
    version: int, slices: tuple[Slice, ...], counts: tuple[int, ...], table: list[Any]
) -> None:
    batch = RawBatch.decode(frozen(version, "raw"))
    assert batch.slices == slices
    assert batch.rows == counts
    assert rows(batch) == table
    assert (batch.extract_ms, batch.aggregate_ms) == (12.25, 0.0)


@pytest.mark.parametrize(
    ("version", "slices", "counts", "table", "fingerprints"),
    [
        (1, OF_VERSION_1, (5,), WINDOWS, (FINGERPRINTS,)),
        (2, SLICES, (5, 0, 1), WINDOWS + OTHER_WINDOWS,
         (FINGERPRINTS, NOTHING, OF_ONE_SAMPLE)),
    ],
    ids=["1", "2"],
)  # fmt: skip
def test_windows_of_each_version_are_read(
    version: int, slices: tuple[Slice, ...], counts: tuple[int, ...], table: list[Any],
    fingerprints: tuple[tuple[str, ...], ...],
) -> None:  # fmt: skip
    batch = StatsBatch.decode(frozen(version, "stats"))
    assert batch.slices == slices
    assert batch.rows == counts
    assert rows(batch) == table
    assert batch.fingerprints == fingerprints
    assert (batch.extract_ms, batch.aggregate_ms) == (12.25, 1.5)


@pytest.mark.parametrize(("kind", "batch"), [("raw", RawBatch), ("stats", StatsBatch)])
def test_this_release_writes_version_2(kind: str, batch: type[RawBatch | StatsBatch]) -> None:
    fields = frozen(2, kind)
    again = wire(batch.decode(fields))
    assert list(again) == list(fields)
    for name in set(fields) - OF_ARROW:
        assert again[name] == fields[name]
    assert rows(batch.decode(again)) == rows(batch.decode(fields))


@pytest.mark.parametrize(("kind", "batch"), [("raw", RawBatch), ("stats", StatsBatch)])
def test_an_entry_of_version_1_becomes_one_of_version_2(
    kind: str, batch: type[RawBatch | StatsBatch]
) -> None:
    old = batch.decode(frozen(1, kind))
    again = wire(old)
    assert again[b"v"] == b"2"
    new = batch.decode(again)
    assert (new.slices, new.rows, rows(new)) == (old.slices, old.rows, rows(old))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", b"2025-12-05"),
        ("start", b"2025-12-05T00:00:00+00:00"),
        ("start", b"0001-01-01T00:00:00+10:00"),
        ("start", b'2025-12-05T00:00:00Z","2025-12-05T01:00:00Z",5]]'),
        ("end", b"2025-13-05T00:00:00Z"),
        ("end", b"2025-12-05T00:00:00Z"),
        ("end", b"2025-12-06T00:00:00Z"),
        ("asset", b"\xff"),
        ("rows", b""),
        ("rows", b"3.5"),
        ("rows", b"-1"),
        ("rows", b"4"),
        ("rows", b"9" * 10),
        ("rows", b"9" * 5_000),
        ("slices", b'[["T01","2025-12-05T00:00:00Z","2025-12-05T01:00:00Z",5]]'),
        ("ledger", b""),
    ],
)
def test_a_wrong_field_of_version_1_is_refused(name: str, value: bytes) -> None:
    with pytest.raises(InvalidInput) as rejected:
        RawBatch.decode(signed(frozen(1, "raw"), **{name: value}))
    assert rejected.value.reason == "schema"


@pytest.mark.parametrize("name", ["asset", "start", "end", "rows", "job", "size"])
def test_a_missing_field_of_version_1_is_named(name: str) -> None:
    fields = {k: v for k, v in frozen(1, "raw").items() if k != name.encode()}
    with pytest.raises(InvalidInput, match=f"missing or unknown field b'{name}'"):
        RawBatch.decode(signed(fields))


@pytest.mark.parametrize("asset", ["", "Tür,2", 'T"1\\', "T\n1", "\u202e"])
def test_any_asset_of_version_1_is_read(asset: str) -> None:
    batch = RawBatch.decode(signed(frozen(1, "raw"), asset=asset.encode()))
    assert batch.slices[0].asset == asset


def test_an_entry_has_the_fields_of_its_own_version() -> None:
    for version, other in ((1, b"2"), (2, b"1")):
        with pytest.raises(InvalidInput, match="missing or unknown field"):
            RawBatch.decode(signed(frozen(version, "raw"), v=other))
