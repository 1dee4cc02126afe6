"""The fields of a batch that concern its slices: valid lists are read, all others are refused."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from services.aggregator.aggregate import aggregate
from shared.domain.batch_header import MAX_SLICES
from shared.domain.batches import RawBatch, StatsBatch
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput
from tests.unit.batches import DAY, ONE_DAY, joined, minutes, raw_batch, slice_of
from tests.unit.wire import Wire, listed, signed, wire

FIRST, SECOND = (
    [asset, "2025-12-05T00:00:00Z", "2025-12-06T00:00:00Z", rows]
    for asset, rows in (("T01", 2), ("T02", 1))
)
LEDGER = "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa"


def batch() -> RawBatch:
    """A day of two turbines with two samples and one."""
    one = slice_of()
    return joined(
        raw_batch(one, minutes(2), [1.0, 2.0]),
        raw_batch(replace(one, asset="T02"), minutes(1), [3.0]),
    )


def with_slices(*slices: Any) -> Wire:
    return signed(wire(batch()), slices=orjson.dumps(slices))


def error_of(fields: Wire, kind: type[RawBatch | StatsBatch] = RawBatch) -> InvalidInput:
    with pytest.raises(InvalidInput) as rejected:
        kind.decode(fields)
    return rejected.value


def test_the_list_of_slices_is_read_in_its_order() -> None:
    assert listed(wire(batch())) == [FIRST, SECOND]
    decoded = RawBatch.decode(with_slices(SECOND, [*FIRST[:3], 2]))
    assert [slice_.asset for slice_ in decoded.slices] == ["T02", "T01"]
    assert decoded.rows == (1, 2)
    assert decoded.bounds.tolist() == [0, 1, 3]


@pytest.mark.parametrize("place", [0, 1], ids=["first", "last"])
@pytest.mark.parametrize(
    "bad",
    [
        None, True, 7, "T03", {}, {"asset": "T03"}, [], FIRST[:3], [*FIRST, 0], [FIRST],
        [7, *FIRST[1:]], [None, *FIRST[1:]], [["T03"], *FIRST[1:]],
        ["T03", 0, FIRST[2], 0], ["T03", FIRST[1], None, 0],
        ["T03", "2025-12-05", FIRST[2], 0],
        ["T03", "2025-12-05T00:00:00+00:00", FIRST[2], 0],
        ["T03", "0001-01-01T00:00:00+10:00", FIRST[2], 0],
        ["T03", FIRST[1], "2025-13-06T00:00:00Z", 0],
        *(["T03", *FIRST[1:3], rows] for rows in (
            None, "2", "", 2.0, 3.5, True, False, -1, 10**9, 10**18, [2], 1e300,
        )),
    ],
    ids=str,
)  # fmt: skip
def test_a_list_with_a_wrong_slice_is_refused(bad: Any, place: int) -> None:
    slices = [FIRST, SECOND]
    slices.insert(2 * place, bad)
    assert error_of(with_slices(*slices)).reason == "schema"


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[", b"{}", b"7", b"null", b'"T01"', b"[]", b"[[]]", b"[NaN]", b"\xff",
        b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000,
        b'[["\\ud800", "2025-12-05T00:00:00Z", "x", 1]]',
        b'[["T01", "2025-12-05T00:00:00Z", "2025-12-06T00:00:00Z", 1%s]]' % (b"0" * 5_000),
    ],
    ids=range(14),
)  # fmt: skip
def test_text_that_is_not_a_list_of_slices_is_refused(text: bytes) -> None:
    error = error_of(signed(wire(batch()), slices=text))
    assert error.reason == "schema"
    assert len(str(error)) <= 600


def test_a_slice_that_is_listed_twice_is_refused() -> None:
    shorter = ["T01", FIRST[1], "2025-12-05T12:00:00Z", 1]
    assert "listed twice" in str(error_of(with_slices(FIRST, shorter)))


def test_an_asset_may_have_several_slices() -> None:
    later = ["T01", "2025-12-06T00:00:00Z", "2025-12-07T00:00:00Z", 1]
    assert len(RawBatch.decode(with_slices(FIRST, later)).slices) == 2


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2025-12-05T00:00:00Z", "2025-12-05T00:00:00Z"),
        ("2025-12-05T00:00:00Z", "2025-12-04T00:00:00Z"),
        ("2025-12-05T00:00:00Z", "9999-12-31T00:00:00Z"),
        ("1000-12-31T00:00:00Z", "1000-12-31T12:00:00Z"),
        ("9999-12-31T00:00:00Z", "9999-12-31T12:00:00Z"),
    ],
)
def test_a_time_range_that_no_slice_can_have_is_refused(start: str, end: str) -> None:
    assert error_of(with_slices(FIRST, ["T02", start, end, 1])).reason == "schema"


def test_a_batch_has_as_many_slices_as_allowed_and_not_one_more() -> None:
    def many(count: int) -> Wire:
        slices = [[f"T{n}", *FIRST[1:3], 0] for n in range(count)]
        return signed(
            wire(raw_batch(slice_of(spec=StatisticsSpec(window_s=86_400)), [], [])),
            slices=orjson.dumps(slices),
        )

    assert len(RawBatch.decode(many(MAX_SLICES)).slices) == MAX_SLICES
    assert error_of(many(MAX_SLICES + 1)).reason == "schema"


def test_slices_whose_statistics_are_too_large_together_are_refused() -> None:
    """A slice has 86,400 windows of eight columns: 5.5 MB."""
    names = [f"T{n}" for n in range(7)]
    raw = raw_batch(slice_of(spec=StatisticsSpec(window_s=1, period_s=1.0)), [], [])
    slices = [[name, *FIRST[1:3], 0] for name in names]
    assert RawBatch.decode(signed(wire(raw), slices=orjson.dumps(slices[:6])))
    error = error_of(signed(wire(raw), slices=orjson.dumps(slices)))
    assert (error.reason, str(error).split()[0]) == ("too_large", str(7 * 86_400))


@pytest.mark.parametrize("rows", [(1, 1), (3, 1), (2, 0), (2, 2)])
def test_counts_that_do_not_add_up_to_the_rows_of_the_table_are_refused(
    rows: tuple[int, int],
) -> None:
    first, second = ([*item[:3], count] for item, count in zip((FIRST, SECOND), rows, strict=True))
    error = error_of(with_slices(first, second))
    assert error.reason == "schema"
    assert f"3 rows, its header says {sum(rows)}" in str(error)


def test_the_windows_of_a_stats_batch_must_be_those_of_its_slices() -> None:
    stats = wire(aggregate(batch()))
    half = [*SECOND[:2], "2025-12-05T12:00:00Z", 1]
    error = error_of(signed(stats, slices=orjson.dumps([FIRST, half])), StatsBatch)
    assert error.reason == "schema"
    assert "288 rows, its header says 216" in str(error)


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_a_stats_batch_has_a_fingerprint_for_each_variable_of_each_slice(count: int) -> None:
    stats = wire(aggregate(batch()))
    changed = signed(stats, fingerprints=b",".join([b"0" * 16] * count))
    assert error_of(changed, StatsBatch).reason == "schema"


@pytest.mark.parametrize(
    "text", [b"0" * 15, b"0" * 17, b"0" * 15 + b"G", b"0" * 15 + b"A", b"\xd9\xa3" * 16, b" " * 16]
)
@pytest.mark.parametrize("place", [0, 1], ids=["first", "last"])
def test_fingerprints_are_16_hexadecimal_digits(text: bytes, place: int) -> None:
    values = [b"0" * 16, b"0" * 16]
    values[place] = text
    changed = signed(wire(aggregate(batch())), fingerprints=b",".join(values))
    assert error_of(changed, StatsBatch).reason == "schema"


def test_fingerprints_belong_to_their_slice_and_variable() -> None:
    stats = replace(
        aggregate(raw_batch(slice_of(("a", "b")), [], [], [])),
        fingerprints=(("0" * 16, "1" * 16), ("2" * 16, "3" * 16)),
    )
    two = (stats.slices[0], replace(stats.slices[0], start=DAY + ONE_DAY, end=DAY + 2 * ONE_DAY))
    fields = wire(replace(stats, slices=two, rows=(0, 0)))
    assert fields[b"fingerprints"] == b",".join(d * 16 for d in (b"0", b"1", b"2", b"3"))


@pytest.mark.parametrize("ledger", ["", LEDGER])
def test_the_ledger_of_a_batch_is_kept(ledger: str) -> None:
    raw = replace(batch(), slices=tuple(replace(s, ledger=ledger) for s in batch().slices))
    assert RawBatch.decode(wire(raw)).ledger == ledger
    assert StatsBatch.decode(wire(aggregate(raw))).ledger == ledger


@pytest.mark.parametrize(
    "ledger",
    [b" ", b"x", LEDGER.upper().encode(), LEDGER.encode() + b"0", LEDGER.encode() * 2,
     LEDGER.replace("-", "").encode(), b"\n", LEDGER.encode() + b"\n", b"0" * 100_000],
    ids=range(9),
)  # fmt: skip
def test_a_ledger_that_is_not_an_identity_is_refused(ledger: bytes) -> None:
    error = error_of(signed(wire(batch()), ledger=ledger))
    assert error.reason == "schema"
    assert len(str(error)) <= 600


def test_the_slices_are_json_that_any_reader_can_parse() -> None:
    raw = batch()
    name = 'T"1\\,\n\u202e'
    raw = replace(raw, slices=(replace(raw.slices[0], asset=name), raw.slices[1]))
    assert json.loads(wire(raw)[b"slices"])[0][0] == name
