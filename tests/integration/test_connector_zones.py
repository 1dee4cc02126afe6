"""Sources with timestamps without a time zone: local times, which are delivered as instants."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.connector_process import all_rows, connector, execute, get, rows

SAO_PAULO, BERLIN = "America/Sao_Paulo", "Europe/Berlin"
NAIVE = "CREATE TABLE data (timestamp timestamp PRIMARY KEY, power float8);"
HALF_HOURS = """
    INSERT INTO data SELECT timestamp '{day}' + n * interval '30 min', n
    FROM generate_series(0, 47) n
"""
DAYS_WITH_A_CHANGE = ["2025-03-30", "2025-10-26"]


def test_naive_timestamps_are_local_times_of_the_source(source_url: str) -> None:
    execute(source_url, NAIVE + HALF_HOURS.format(day="2025-12-05"))
    with connector(source_url, source_timezone=SAO_PAULO) as client:
        data = rows(client, start="2025-12-05")
        assert [data[0]["timestamp"], data[-1]["timestamp"]] == [
            "2025-12-05T03:00:00Z", "2025-12-06T02:30:00Z",
        ]  # fmt: skip
        assert rows(client, start="2025-12-05T00:00:00", end="2025-12-06") == data
        assert rows(client, start="2025-12-05T03:00:00Z") == data
        extent = get(client, "/extent").json()
        assert extent["first"] == "2025-12-05T03:00:00Z"


def test_a_date_is_a_local_day_also_for_timestamps_with_a_zone(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz PRIMARY KEY, power float8);"
        "INSERT INTO data VALUES ('2025-12-05T02:59Z', 1), ('2025-12-05T03:00Z', 2),"
        "('2025-12-06T02:59Z', 3), ('2025-12-06T03:00Z', 4)",
    )
    with connector(source_url, source_timezone=SAO_PAULO) as client:
        assert [row["power"] for row in rows(client, start="2025-12-05")] == [2, 3]


@pytest.mark.parametrize("day", ["2025-03-30", "2025-10-26", "2025-06-01"])
@pytest.mark.parametrize("limit", [1, 7, 1441])
def test_every_row_comes_once_where_clocks_change(source_url: str, day: str, limit: int) -> None:
    execute(source_url, NAIVE + HALF_HOURS.format(day=day))
    with connector(source_url, source_timezone=BERLIN) as client:
        data = all_rows(client, start=day, limit=limit)
    assert sorted(row["power"] for row in data) == list(range(48))
    timestamps = [row["timestamp"] for row in data]
    assert timestamps == sorted(timestamps)


@pytest.mark.parametrize("day", DAYS_WITH_A_CHANGE)
def test_the_hours_of_a_day_add_up_to_the_day(source_url: str, day: str) -> None:
    execute(source_url, NAIVE + HALF_HOURS.format(day=day))
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=3)
    hours = [midnight + timedelta(hours=n) for n in range(31)]
    with connector(source_url, source_timezone=BERLIN) as client:
        whole = rows(client, start=hours[0].isoformat(), end=hours[-1].isoformat())
        hourly = [
            row
            for hour in hours[:-1]
            for row in rows(
                client, start=hour.isoformat(), end=(hour + timedelta(hours=1)).isoformat()
            )
        ]
    assert hourly == whole
    assert len(whole) == 48


def test_a_repeated_local_hour_counts_as_standard_time(source_url: str) -> None:
    execute(source_url, NAIVE + "INSERT INTO data VALUES ('2025-10-26 02:30', 1)")
    with connector(source_url, source_timezone=BERLIN) as client:
        [row] = rows(client, start="2025-10-26")
    assert row["timestamp"] == "2025-10-26T01:30:00Z"


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_skipped_local_hour_and_the_next_hour_are_both_delivered(
    source_url: str, limit: int
) -> None:
    values = "('2025-03-30 02:30', 1), ('2025-03-30 03:00', 2), ('2025-03-30 03:30', 3)"
    execute(source_url, NAIVE + f"INSERT INTO data VALUES {values}")
    with connector(source_url, source_timezone=BERLIN) as client:
        data = all_rows(client, start="2025-03-30", limit=limit)
    assert [row["timestamp"][11:16] for row in data] == ["01:00", "01:30", "01:30"]
    assert {row["power"] for row in data[1:]} == {1, 3}


def test_a_day_with_a_change_of_clocks_ends_at_local_midnight(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz PRIMARY KEY, power float8);"
        "INSERT INTO data SELECT timestamptz '2025-10-25Z' + n * interval '1 hour', n"
        " FROM generate_series(0, 71) n",
    )
    with connector(source_url, source_timezone=BERLIN) as client:
        assert len(rows(client, start="2025-10-26")) == 25
