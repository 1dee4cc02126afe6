"""Instants as they are written in a request, and days of a zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.domain.local_time import end_of_day, has_constant_offset, parse_instant

ZULU, BERLIN, SAO_PAULO = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2025-12-05", ZULU, "2025-12-05T00:00:00+00:00"),
        ("2025-12-05", SAO_PAULO, "2025-12-05T03:00:00+00:00"),
        ("2025-12-05T10:00", SAO_PAULO, "2025-12-05T13:00:00+00:00"),
        ("2025-12-05T10:00:00Z", SAO_PAULO, "2025-12-05T10:00:00+00:00"),
        ("2025-12-05 10:00:00.5Z", ZULU, "2025-12-05T10:00:00.500000+00:00"),
        ("2025-12-05T10:00:00-03:00", BERLIN, "2025-12-05T13:00:00+00:00"),
        ("2025-10-26T02:30+02:00", BERLIN, "2025-10-26T00:30:00+00:00"),
    ],
)
def test_an_instant_is_read_in_utc(text: str, zone: ZoneInfo, expected: str) -> None:
    assert parse_instant(text, zone).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["", "0", "now", "2025", "2025-12", "20251205", "2025-W49-5", "2025-13-01", "2025-02-30",
     "2025-12-05T", "2025-12-05T10", "2025-12-05T25:00", "2025-12-05T10:00:00+3", "12/05/2025",
     "2025-12-05Z", "\N{FULLWIDTH DIGIT TWO}025-12-05", "1764892800", "2025-12-05T10:00:60Z"],
)  # fmt: skip
def test_an_invalid_timestamp_is_refused_with_the_format(text: str) -> None:
    with pytest.raises(ValueError, match="write 2025-12-05"):
        parse_instant(text, ZULU)


@pytest.mark.parametrize("text", ["0001-01-01", "0001-01-02T00:00:00Z", "9999-12-31"])
def test_an_instant_has_room_for_any_offset(text: str) -> None:
    with pytest.raises(ValueError, match=r"not between|not a timestamp"):
        parse_instant(text, BERLIN)


@pytest.mark.parametrize("text", ["2025-10-26T02:30", "2025-03-30T02:30"])
def test_an_ambiguous_or_skipped_local_time_needs_an_offset(text: str) -> None:
    with pytest.raises(ValueError, match="add an offset"):
        parse_instant(text, BERLIN)


@pytest.mark.parametrize(
    ("start", "hours"), [("2025-03-30", 23), ("2025-10-26", 25), ("2025-12-05", 24)]
)
def test_a_day_is_as_long_as_its_clocks_make_it(start: str, hours: int) -> None:
    begin = parse_instant(start, BERLIN)
    assert end_of_day(begin, BERLIN) - begin == timedelta(hours=hours)
    assert end_of_day(begin + timedelta(hours=22), BERLIN) == end_of_day(begin, BERLIN)


@pytest.mark.parametrize(
    ("zone", "first", "last", "expected"),
    [
        ("UTC", "0002-01-01", "9998-01-01", True),
        ("America/Sao_Paulo", "2020-01-01", "2025-12-31", True),
        ("Europe/Berlin", "2025-06-01", "2025-06-02", True),
        ("Europe/Berlin", "2025-10-26", "2025-10-27", False),
        ("Europe/Berlin", "2025-10-27", "2025-10-28", False),
        ("Europe/Berlin", "2025-01-01", "2026-01-01", False),
        ("America/Sao_Paulo", "1980-01-01", "2025-12-31", False),
    ],
)
def test_an_offset_is_constant_without_a_clock_change_nearby(
    zone: str, first: str, last: str, expected: bool
) -> None:
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    assert has_constant_offset(zone, start, end) == expected
