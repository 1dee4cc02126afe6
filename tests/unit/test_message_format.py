"""The two messages: what is encoded is decoded, and whatever is wrong is refused."""

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.aggregate import aggregate
from shared.domain import arrow_codec, batch_header
from shared.domain.batches import Batch, RawBatch, StatsBatch
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput
from tests.unit.batches import DAY, joined, minutes, raw_batch, slice_of
from tests.unit.wire import Wire, listed, signed, wire

LEDGER = "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa"
SPEC = StatisticsSpec(
    period_s=0.5,
    statistics=("std", "mean"),
    ddof=0,
    circular_variables=("direction",),
    flatline_s=120.5,
    value_limits={"wind_speed": (-0.5, 60.0)},
    slice_s=43_200,
)
HALF_A_DAY = DAY + timedelta(hours=12)


def batch() -> RawBatch:
    """Two slices: the morning of T01, and the afternoon of T02, which has no samples."""
    morning = slice_of(("wind_speed", "direction"), SPEC, end=HALF_A_DAY, ledger=LEDGER)
    afternoon = replace(morning, asset="T02", start=HALF_A_DAY, end=DAY + timedelta(days=1))
    raw = joined(
        raw_batch(morning, minutes(3), [1.0, None, 3.0], [0.0, 90.0, float("inf")]),
        raw_batch(afternoon, [], [], []),
    )
    return replace(raw, extract_ms=12.25, aggregate_ms=0.5)


def reason_of(fields: Wire) -> str:
    with pytest.raises(InvalidInput) as rejected:
        RawBatch.decode(fields)
    return rejected.value.reason


def test_a_raw_batch_comes_back_as_it_was() -> None:
    assert RawBatch.decode(wire(batch())) == batch()


def test_a_stats_batch_comes_back_as_it_was() -> None:
    stats = aggregate(batch())
    assert StatsBatch.decode(wire(stats)) == stats


def test_a_batch_without_rows_comes_back_with_its_columns() -> None:
    empty = raw_batch(slice_of(("wind_speed", "power")), [], [], [])
    assert RawBatch.decode(wire(empty)) == empty


def test_encoding_is_the_same_each_time() -> None:
    assert wire(batch()) == wire(batch())


def test_a_person_can_read_what_an_entry_is_about() -> None:
    fields = wire(batch())
    assert fields[b"job"] == b"7"
    assert fields[b"attempt"] == b"1"
    assert fields[b"ledger"] == LEDGER.encode()
    assert fields[b"variables"] == b"wind_speed,direction"
    assert listed(fields) == [
        ["T01", "2025-12-05T00:00:00Z", "2025-12-05T12:00:00Z", 3],
        ["T02", "2025-12-05T12:00:00Z", "2025-12-06T00:00:00Z", 0],
    ]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=63))
def test_any_asset_name_comes_back(asset: str) -> None:
    raw = batch()
    raw = replace(raw, slices=(replace(raw.slices[0], asset=asset), raw.slices[1]))
    assert RawBatch.decode(wire(raw)).slices[0].asset == asset


@pytest.mark.parametrize("version", [b"", b"0", b"3", b"2.0"])
def test_another_version_is_refused(version: bytes) -> None:
    assert reason_of(signed(wire(batch()), v=version)) == "version"


def test_an_entry_of_other_fields_is_refused() -> None:
    assert reason_of({b"date": b"2025-12-05"}) == "version"


@pytest.mark.parametrize("name", [k.decode() for k in wire(batch()) if k != b"v"])
def test_a_change_of_any_field_breaks_the_checksum(name: str) -> None:
    fields = wire(batch())
    assert reason_of({**fields, name.encode(): fields[name.encode()] + b"0"}) == "checksum"


@pytest.mark.parametrize("name", [k.decode() for k in wire(batch()) if k != b"v"])
def test_a_missing_field_breaks_the_checksum(name: str) -> None:
    assert reason_of({k: v for k, v in wire(batch()).items() if k != name.encode()}) == "checksum"


def test_a_stats_batch_is_not_decoded_as_raw() -> None:
    assert reason_of(wire(aggregate(batch()))) == "schema"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("job", b"seven"),
        ("job", b""),
        ("trace", b"\xff"),
        ("size", b"many"),
        ("extract_ms", b"fast"),
        ("spec", b""),
        ("spec", b"{"),
        ("spec", b'{"window_s": 7}'),
        ("spec", b'{"period_s": 0}'),
        ("spec", b'{"unknown": 1}'),
        ("spec", b'{"value_limits": {"power": [0, null]}}'),
        ("variables", b"wind_speed"),
        ("variables", b"wind_speed,power"),
        ("variables", b"direction,wind_speed"),
        ("variables", b"wind_speed,wind_speed"),
        ("variables", b",".join(b"v%d" % n for n in range(101))),
        ("job", b"-7"),
        ("job", b"7_0"),
        ("job", b"9" * 19),
        ("job", b"9" * 5_000),
        ("extract_ms", b"nan"),
        ("extract_ms", b"-1"),
        ("aggregate_ms", b"inf"),
        ("aggregate_ms", b"1e300"),
        ("unknown", b""),
    ],
)
def test_an_invalid_field_is_refused(name: str, value: bytes) -> None:
    assert reason_of(signed(wire(batch()), **{name: value})) == "schema"


@pytest.mark.parametrize("name", sorted(batch_header.NAMES - {b"v", b"checksum"}))
def test_a_field_that_is_missing_is_named(name: bytes) -> None:
    fields = signed({k: v for k, v in wire(batch()).items() if k != name} | {b"payload": b""})
    left = {k: v for k, v in fields.items() if k != name}
    with pytest.raises(InvalidInput, match=name.decode()) as rejected:
        RawBatch.decode(left)
    assert rejected.value.reason == "schema"


def test_a_huge_header_is_refused_before_parsing() -> None:
    assert (
        reason_of({**wire(batch()), b"trace": bytes(batch_header.MAX_HEADER_BYTES)}) == "too_large"
    )


@pytest.mark.parametrize(
    ("reader", "told"),
    [(RawBatch, {}), (StatsBatch, {"fingerprints": b",".join([b"0" * 16] * 100)})],
)
def test_statistics_that_would_be_too_large_are_refused(
    reader: type[Batch], told: dict[str, bytes]
) -> None:
    """A hundred variables in windows of a second: 3 kB that would be computed to 400 MB."""
    names = [f"v{n}" for n in range(100)]
    small = raw_batch(
        slice_of(names, StatisticsSpec(window_s=1, period_s=1.0)), [], *[[] for _ in names]
    )
    with pytest.raises(InvalidInput, match="86400 windows") as rejected:
        reader.decode(signed(wire(small), **told))
    assert rejected.value.reason == "too_large"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spec", b"{" + b",".join(b'"x%d": 1' % n for n in range(5_000)) + b"}"),
        ("slices", b'[["T01", %s]]' % (b"[" * 500 + b"]" * 500)),
        ("slices", b"[[" + b"x" * 10_000),
        ("v", b"x" * 10_000),
    ],
    ids=["spec", "nested", "not JSON", "version"],
)
def test_the_error_is_short(name: str, value: bytes) -> None:
    with pytest.raises(InvalidInput) as rejected:
        RawBatch.decode(signed(wire(batch()), **{name: value}))
    assert len(str(rejected.value)) <= 600


def test_a_payload_cut_short_is_refused() -> None:
    fields = wire(batch())
    assert reason_of(signed(fields, payload=fields[b"payload"][:-9])) == "arrow"


def test_an_empty_payload_is_refused() -> None:
    assert reason_of(signed(wire(batch()), payload=b"")) == "arrow"


@pytest.mark.parametrize("size", [b"0", b"-1", str(arrow_codec.MAX_TABLE_BYTES + 1).encode()])
def test_a_size_out_of_bounds_is_refused(size: bytes) -> None:
    assert reason_of(signed(wire(batch()), size=size)) == "too_large"


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    fields = wire(batch())
    name = data.draw(st.sampled_from(sorted(fields)))
    changed = {**fields, name: mutated(fields[name], data)}
    if changed != fields:
        with pytest.raises(InvalidInput):
            RawBatch.decode(changed)


@given(st.data())
def test_a_forged_checksum_is_not_enough(data: st.DataObject) -> None:
    fields = wire(batch())
    name = data.draw(st.sampled_from(sorted(set(fields) - {b"checksum"})))
    forged = signed(fields, **{name.decode(): mutated(fields[name], data)})
    decodes_or_is_rejected(forged)


@given(st.data())
def test_hostile_arrow_under_a_good_checksum_is_decoded_or_refused(data: st.DataObject) -> None:
    fields = wire(batch())
    size = int(fields[b"size"])
    plain = pa.decompress(fields[b"payload"], size, codec="zstd", asbytes=True)
    hostile = mutated(plain, data)
    payload = pa.compress(hostile, codec="zstd", asbytes=True)
    decodes_or_is_rejected(signed(fields, payload=payload, size=str(len(hostile)).encode()))


def mutated(value: bytes, data: st.DataObject) -> bytes:
    """The bytes with a few overwritten, cut off or put in."""
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, min(len(value), start + 8)))
    return value[:start] + data.draw(st.binary(max_size=8)) + value[end:]


def decodes_or_is_rejected(fields: Wire) -> None:
    try:
        decoded = RawBatch.decode(fields)
    except InvalidInput:
        return
    decoded.table.validate(full=True)
    try:
        aggregate(decoded)
    except InvalidInput as rejected:
        assert rejected.reason == "contract"  # noqa: PT017 - most do not get here
