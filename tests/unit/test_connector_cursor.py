"""Cursors: they come back as they went, and only for their own query."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.connector.cursor import Key, decode, encode, fingerprint

START = datetime(2025, 12, 5, tzinfo=UTC)
END = START + timedelta(days=1)
PRINT = fingerprint(("data",), START, END, ("power",), ())


@given(
    stamp=st.datetimes(datetime(1, 2, 1), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    asset=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_cursor_comes_back_as_its_key(stamp: datetime, asset: str | None) -> None:
    text = encode(Key(stamp, asset), PRINT)
    assert decode(text, PRINT) == Key(stamp, asset)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "other",
    [
        fingerprint(("other",), START, END, ("power",), ()),
        fingerprint(("data",), START + timedelta(seconds=1), END, ("power",), ()),
        fingerprint(("data",), START, END + timedelta(seconds=1), ("power",), ()),
        fingerprint(("data",), START, END, ("power", "wind_speed"), ()),
        fingerprint(("data",), START, END, ("power",), ("T01",)),
        fingerprint(("data",), START, END, (), ("power",)),
    ],
)
def test_a_cursor_belongs_to_one_query(other: bytes) -> None:
    with pytest.raises(ValueError, match="another"):
        decode(encode(Key(START), PRINT), other)


@given(st.text(max_size=60) | st.binary(max_size=60).map(bytes.hex))
def test_garbage_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match=r"read|another"):
        decode(text, PRINT)


@pytest.mark.parametrize(
    "content",
    [b"[true,null]", b"[1]", b"[1,2]", b'["1",null]', b"{}", b"[1e400,null]", b"[1.5,null]"],
)
def test_a_forged_key_is_no_cursor(content: bytes) -> None:
    text = base64.urlsafe_b64encode(PRINT + content).rstrip(b"=").decode()
    with pytest.raises(ValueError, match="read"):
        decode(text, PRINT)


@pytest.mark.parametrize("micros", [253402300799 * 10**6, 10**18, -(10**18), 2**63, 10**30])
def test_a_forged_instant_out_of_range_is_no_cursor(micros: int) -> None:
    text = base64.urlsafe_b64encode(PRINT + f"[{micros},null]".encode()).rstrip(b"=").decode()
    with pytest.raises(ValueError, match=r"range|read"):
        decode(text, PRINT)
