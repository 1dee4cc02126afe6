"""Cursors: encoding and decoding are inverse, and a cursor fits only its own query."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.connector.cursor import Key, decode, encode, fingerprint

START = datetime(2025, 12, 5, tzinfo=UTC)
END = START + timedelta(days=1)
FINGERPRINT = fingerprint(("data",), START, END, ("power",), ())


@given(
    timestamp=st.datetimes(datetime(1, 2, 1), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    asset=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_cursor_decodes_to_its_key(timestamp: datetime, asset: str | None) -> None:
    text = encode(Key(timestamp, asset), FINGERPRINT)
    assert decode(text, FINGERPRINT) == Key(timestamp, asset)
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
def test_a_cursor_of_another_query_is_refused(other: bytes) -> None:
    with pytest.raises(ValueError, match="another"):
        decode(encode(Key(START), FINGERPRINT), other)


@given(st.text(max_size=60) | st.binary(max_size=60).map(bytes.hex))
def test_random_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"decoded|another"):
        decode(text, FINGERPRINT)


@pytest.mark.parametrize(
    "content",
    [b"[true,null]", b"[1]", b"[1,null]", b'["2025-12-05",2]', b'["2025-12-05"]', b"{}"],
)
def test_a_forged_key_is_refused(content: bytes) -> None:
    text = base64.urlsafe_b64encode(FINGERPRINT + content).rstrip(b"=").decode()
    with pytest.raises(ValueError, match="decoded"):
        decode(text, FINGERPRINT)


@pytest.mark.parametrize("timestamp", ["9999-12-31", "0001-01-01", "1", "now", "2025-12-05T25:00Z"])
def test_a_forged_timestamp_is_refused(timestamp: str) -> None:
    content = f'["{timestamp}",null]'.encode()
    text = base64.urlsafe_b64encode(FINGERPRINT + content).rstrip(b"=").decode()
    with pytest.raises(ValueError, match=r"not a timestamp|not between"):
        decode(text, FINGERPRINT)
