"""Exports of values and quality: every format and shape, complete and in order."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from services.dashboard.exports import streaming_response
from services.dashboard.exports.snapshot import snapshot
from services.dashboard.queries.target import Target
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import (
    dashboard,
    fields,
    get,
    load,
    replace_dependencies,
)
from tests.integration.loader import DAY, HOUR, batch, fetch, new_job, sliced, steady

PARAMETERS = {"start": "2025-12-05"}
FORMATS = ("json", "csv", "arrow", "parquet")
MEDIA_TYPES = {
    "json": "application/json", "csv": "text/csv", "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}  # fmt: skip


@pytest.fixture
def filled(client: TestClient, target: Engine) -> TestClient:
    """Wind speed of T01 for three hours, with a gap of one hour, and of T02 for one hour. No value
    has a short decimal format_name.
    """
    job = new_job(target, slices=24, spec=sliced(HOUR), assets=("T01", "T02"))
    places = ((0, "T01"), (1, "T01"), (3, "T01"), (1, "T02"))
    load(
        target,
        *(batch(job, steady(7.1 + n / 3), start=DAY + n * HOUR, asset=a) for n, a in places),
    )
    return client


def read(answer: Any, format_name: str) -> pd.DataFrame:
    """The export as a reader of its format sees it."""
    body = io.BytesIO(answer.content)
    match format_name:
        case "json":
            table = pd.DataFrame(answer.json()["data"])
        case "csv":
            table = pd.read_csv(body)
        case "arrow":
            table = pa.ipc.open_stream(body).read_pandas()
        case _:
            table = pq.read_table(body).to_pandas()
    table["timestamp"] = pd.to_datetime(table["timestamp"], utc=True).astype("datetime64[us, UTC]")
    return table


def stored_values(target: Engine) -> dict[tuple[datetime, str], float]:
    rows = fetch(
        target,
        "SELECT d.timestamp, s.name, d.value FROM data d JOIN signal s ON s.id = d.signal_id",
    )
    return {(at, name): value for at, name, value in rows}


def as_values(table: pd.DataFrame) -> dict[tuple[datetime, str], float]:
    """The values of a long or wide table by time and signal."""
    if "signal" not in table:
        table = table.melt("timestamp", var_name="signal").dropna()
    assert not table.duplicated(["timestamp", "signal"]).any()
    stamps = [stamp.to_pydatetime() for stamp in table["timestamp"]]
    return dict(zip(zip(stamps, table["signal"], strict=True), table["value"], strict=True))


def data(client: TestClient, format_name: str = "json", **parameters: Any) -> pd.DataFrame:
    return read(
        get(client, "/api/signals/data", **PARAMETERS, format=format_name, **parameters),
        format_name,
    )


def test_every_signal_is_listed(filled: TestClient) -> None:
    signals = get(filled, "/api/signals").json()
    assert [signal["name"] for signal in signals[:4]] == [
        f"T01.wind_speed_{statistic}_10m" for statistic in ("mean", "min", "max", "std")
    ]
    assert len(signals) == 8
    assert signals[3] == {
        "name": "T01.wind_speed_std_10m", "asset": "T01", "variable": "wind_speed",
        "statistic": "std", "window_s": 600, "unit": "m/s", "ddof": 1,
    }  # fmt: skip


@pytest.mark.parametrize("shape", ["long", "wide"])
@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_has_every_value_to_the_last_bit(
    filled: TestClient, target: Engine, format_name: str, shape: str
) -> None:
    table = data(filled, format_name, shape=shape)
    assert as_values(table) == stored_values(target)
    assert table["timestamp"].is_monotonic_increasing


@pytest.mark.parametrize("chunk_values", [1, 7, 8, 50])
@pytest.mark.parametrize("format_name", FORMATS)
def test_the_size_of_the_chunks_does_not_change_an_export(
    filled: TestClient, target: Engine, format_name: str, chunk_values: int
) -> None:
    target_in_chunks = Target(target, chunk_values=chunk_values)
    replace_dependencies(filled, target=target_in_chunks)
    for shape in ("long", "wide"):
        assert as_values(data(filled, format_name, shape=shape)) == stored_values(target)


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_export_without_values_is_a_complete_file(filled: TestClient, format_name: str) -> None:
    answer = get(filled, "/api/signals/data", start="2030-01-01", format=format_name)
    assert answer.headers["content-type"].partition(";")[0] == MEDIA_TYPES[format_name]
    if format_name == "json":
        assert answer.json() == {"data": []}
    else:
        table = read(answer, format_name)
        assert (len(table), list(table)) == (0, ["timestamp", "signal", "value"])


def test_accept_selects_the_format_if_no_parameter_does(filled: TestClient) -> None:
    for format_name, media_type in MEDIA_TYPES.items():
        answer = filled.get("/api/signals/data", params=PARAMETERS, headers={"Accept": media_type})
        assert answer.headers["content-type"].partition(";")[0] == media_type
        assert answer.headers["content-disposition"].endswith(f'.{format_name}"')
    refused = filled.get("/api/signals/data", params=PARAMETERS, headers={"Accept": "image/png"})
    assert refused.status_code == 406


def test_a_snapshot_does_not_see_later_changes(filled: TestClient, target: Engine) -> None:
    count = text("SELECT count(*) FROM data")
    with snapshot(target) as connection:
        before = connection.scalar(count)
        with target.begin() as another:
            another.execute(text("DELETE FROM data"))
        assert connection.scalar(count) == before
    assert before == 24 * 4


def test_a_time_range_is_half_open(filled: TestClient) -> None:
    table = data(filled, end="2025-12-05T01:00:00Z")
    assert table["timestamp"].max() == pd.Timestamp("2025-12-05T00:50Z")
    later = read(
        get(filled, "/api/signals/data", start="2025-12-05T01:00:00Z", format="csv"), "csv"
    )
    assert later["timestamp"].min() == pd.Timestamp("2025-12-05T01:00Z")


def test_timestamps_can_label_the_end_of_a_window(filled: TestClient, target: Engine) -> None:
    for shape in ("long", "wide"):
        table = as_values(data(filled, shape=shape, label="end"))
        shifted = {(at - timedelta(minutes=10), name): v for (at, name), v in table.items()}
        assert shifted == stored_values(target)


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"assets": "T02"}, 4),
        ({"asset": "T02"}, 4),
        ({"asset": ["T01", "T02"]}, 8),
        ({"assets": "T01,T02"}, 8),
        ({"variables": "wind_speed"}, 8),
        ({"signals": "T01.wind_speed_mean_10m"}, 1),
        ({"signals": ["T01.wind_speed_mean_10m", "T02.wind_speed_std_10m"]}, 2),
        ({"signals": "T01.wind_speed_mean_10m", "assets": "T02"}, 0),
    ],
)
def test_signals_match_all_parameters(
    filled: TestClient, parameters: dict[str, Any], count: int
) -> None:
    answer = get(
        filled, "/api/signals/data", **PARAMETERS, **parameters, format="csv", shape="wide"
    )
    assert len(answer.text.splitlines()[0].split(",")) == 1 + count


@pytest.mark.parametrize(
    ("parameters", "field", "message"),
    [
        ({"signals": "speed"}, "signals", "T01.wind_speed_mean_10m"),
        ({"variables": "power"}, "variables", "wind_speed"),
        ({"assets": "T03"}, "assets", "T01, T02"),
        ({"end": "2025-12-04"}, "end", "after"),
        ({"start": "noon"}, "start", "2025-12-05"),
        ({"format": "xlsx"}, "format", "parquet"),
        ({"shape": "round"}, "shape", "wide"),
        ({"label": "middle"}, "label", "start"),
        ({"assets": "a\x00b"}, "assets", "NUL"),
        ({"limit": 3}, "limit", "unknown parameter"),
    ],
)
def test_an_invalid_parameter_is_refused_with_the_allowed_values(
    filled: TestClient, parameters: dict[str, Any], field: str, message: str
) -> None:
    answer = filled.get("/api/signals/data", params={**PARAMETERS, **parameters})
    assert fields(answer) == [field]
    assert message in answer.text


def test_too_many_exports_are_refused_with_503(filled: TestClient) -> None:
    for _ in range(streaming_response.MAX_EXPORTS):
        assert streaming_response._slots.acquire(timeout=0)
    try:
        answer = filled.get("/api/signals/data", params=PARAMETERS)
    finally:
        for _ in range(streaming_response.MAX_EXPORTS):
            streaming_response._slots.release()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert len(data(filled)) == 96


def test_an_export_that_fails_at_once_is_a_problem_and_frees_its_slot(
    filled: TestClient, target: Engine
) -> None:
    with target.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE data RENAME TO away")
    for _ in range(streaming_response.MAX_EXPORTS + 1):
        answer = filled.get("/api/signals/data", params=PARAMETERS)
        assert answer.status_code == 503
    with target.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO data")
    assert len(data(filled)) == 96


def test_quality_lists_the_windows_that_are_not_perfect(client: TestClient, target: Engine) -> None:
    spec = sliced(HOUR, value_limits={"wind_speed": (0.0, 20.0)})
    job = new_job(target, slices=24, spec=spec)
    samples: list[float | None] = [*steady(7.0, 25), *[None] * 20, *steady(30.0, 15)]
    load(target, batch(job, samples, asset="T01", spec=spec))
    windows = get(client, "/api/quality", **PARAMETERS).json()["data"]
    assert [(w["timestamp"], w["count"], w["flag_names"]) for w in windows] == [
        ("2025-12-05T00:20:00Z", 5, "incomplete"),
        ("2025-12-05T00:30:00Z", 0, "incomplete"),
        ("2025-12-05T00:40:00Z", 5, "incomplete out_of_range"),
        ("2025-12-05T00:50:00Z", 10, "out_of_range"),
    ]
    for format_name in FORMATS:
        answer = get(client, "/api/quality", **PARAMETERS, format=format_name, label="end")
        table = read(answer, format_name)
        assert table["timestamp"].min() == pd.Timestamp("2025-12-05T00:30Z")
        assert list(table["flags"]) == [1, 1, 17, 16]
    assert get(client, "/api/quality", **PARAMETERS, assets="T02").json() == {"data": []}
    assert get(client, "/api/quality", **PARAMETERS, variables="power").json() == {"data": []}


def test_days_are_local_days_of_the_site(
    target_url: str, redis_settings: RedisSettings, target: Engine
) -> None:
    job = new_job(target, slices=24, spec=sliced(HOUR))
    load(target, *(batch(job, steady(7.0), start=DAY + n * HOUR, asset="T01") for n in range(6)))
    with dashboard(target_url, redis_settings, source_timezone="America/Sao_Paulo") as client:
        table = data(client)
    assert table["timestamp"].min().to_pydatetime() == datetime(2025, 12, 5, 3, tzinfo=UTC)
