"""The values of the target in every form and shape, whole and in order."""

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
from tests.dashboard.dashboard_client import dashboard, fields, get, load, replace_parts
from tests.dashboard.pages import dependencies
from tests.integration.loader import DAY, HOUR, batch, fetch, new_job, sliced, steady

PARAMETERS = {"start": "2025-12-05"}
FORMS = ("json", "csv", "arrow", "parquet")
MEDIA = {
    "json": "application/json", "csv": "text/csv", "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}  # fmt: skip


@pytest.fixture
def filled(client: TestClient, target: Engine) -> TestClient:
    """Three hours of T01, an hour missing between the second and the third, and one of T02, all of
    wind speed; every value is a little awkward.
    """
    job = new_job(target, slices=24, spec=sliced(HOUR), assets=("T01", "T02"))
    places = ((0, "T01"), (1, "T01"), (3, "T01"), (1, "T02"))
    load(
        target,
        *(batch(job, steady(7.1 + n / 3), start=DAY + n * HOUR, asset=a) for n, a in places),
    )
    return client


def read(answer: Any, form: str) -> pd.DataFrame:
    """What a reader of the format makes of it, by time and signal."""
    body = io.BytesIO(answer.content)
    match form:
        case "json":
            found = pd.DataFrame(answer.json()["data"])
        case "csv":
            found = pd.read_csv(body)
        case "arrow":
            found = pa.ipc.open_stream(body).read_pandas()
        case _:
            found = pq.read_table(body).to_pandas()
    found["timestamp"] = pd.to_datetime(found["timestamp"], utc=True).astype("datetime64[us, UTC]")
    return found


def truth(target: Engine) -> dict[tuple[datetime, str], float]:
    rows = fetch(
        target,
        "SELECT d.timestamp, s.name, d.value FROM data d JOIN signal s ON s.id = d.signal_id",
    )
    return {(at, name): value for at, name, value in rows}


def as_values(found: pd.DataFrame) -> dict[tuple[datetime, str], float]:
    """Of the long shape or the wide one."""
    if "signal" not in found:
        found = found.melt("timestamp", var_name="signal").dropna()
    assert not found.duplicated(["timestamp", "signal"]).any()
    stamps = [stamp.to_pydatetime() for stamp in found["timestamp"]]
    return dict(zip(zip(stamps, found["signal"], strict=True), found["value"], strict=True))


def data(client: TestClient, form: str = "json", **parameters: Any) -> pd.DataFrame:
    return read(get(client, "/api/signals/data", **PARAMETERS, format=form, **parameters), form)


def test_every_signal_is_listed(filled: TestClient) -> None:
    found = get(filled, "/api/signals").json()
    assert [each["name"] for each in found[:4]] == [
        f"T01.wind_speed_{statistic}_10m" for statistic in ("mean", "min", "max", "std")
    ]
    assert len(found) == 8
    assert found[3] == {
        "name": "T01.wind_speed_std_10m", "asset": "T01", "variable": "wind_speed",
        "statistic": "std", "window_s": 600, "unit": "m/s", "ddof": 1,
    }  # fmt: skip


@pytest.mark.parametrize("shape", ["long", "wide"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_every_value_to_the_last_bit(
    filled: TestClient, target: Engine, form: str, shape: str
) -> None:
    found = data(filled, form, shape=shape)
    assert as_values(found) == truth(target)
    assert found["timestamp"].is_monotonic_increasing


@pytest.mark.parametrize("at_once", [1, 7, 8, 50])
@pytest.mark.parametrize("form", FORMS)
def test_the_size_of_the_parts_shows_nowhere(
    filled: TestClient, target: Engine, form: str, at_once: int
) -> None:
    target_in_parts = Target(dependencies(filled).target.engine, values_at_once=at_once)
    replace_parts(filled, target=target_in_parts)
    for shape in ("long", "wide"):
        assert as_values(data(filled, form, shape=shape)) == truth(target)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_empty_is_a_whole_file_too(filled: TestClient, form: str) -> None:
    answer = get(filled, "/api/signals/data", start="2030-01-01", format=form)
    assert answer.headers["content-type"].partition(";")[0] == MEDIA[form]
    if form == "json":
        assert answer.json() == {"data": []}
    else:
        found = read(answer, form)
        assert (len(found), list(found)) == (0, ["timestamp", "signal", "value"])


def test_accept_chooses_the_form_where_no_parameter_does(filled: TestClient) -> None:
    for form, media_type in MEDIA.items():
        answer = filled.get("/api/signals/data", params=PARAMETERS, headers={"Accept": media_type})
        assert answer.headers["content-type"].partition(";")[0] == media_type
        assert answer.headers["content-disposition"].endswith(f'.{form}"')
    refused = filled.get("/api/signals/data", params=PARAMETERS, headers={"Accept": "image/png"})
    assert refused.status_code == 406


def test_a_long_answer_sees_the_target_as_it_was_at_its_beginning(
    filled: TestClient, target: Engine
) -> None:
    count = text("SELECT count(*) FROM data")
    with snapshot(target) as connection:
        before = connection.scalar(count)
        with target.begin() as another:
            another.execute(text("DELETE FROM data"))
        assert connection.scalar(count) == before
    assert before == 24 * 4


def test_a_range_is_half_open(filled: TestClient) -> None:
    found = data(filled, end="2025-12-05T01:00:00Z")
    assert found["timestamp"].max() == pd.Timestamp("2025-12-05T00:50Z")
    later = read(
        get(filled, "/api/signals/data", start="2025-12-05T01:00:00Z", format="csv"), "csv"
    )
    assert later["timestamp"].min() == pd.Timestamp("2025-12-05T01:00Z")


def test_a_window_can_stand_under_its_end(filled: TestClient, target: Engine) -> None:
    for shape in ("long", "wide"):
        found = as_values(data(filled, shape=shape, label="end"))
        shifted = {(at - timedelta(minutes=10), name): v for (at, name), v in found.items()}
        assert shifted == truth(target)


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"assets": "T02"}, 4),
        ({"asset": "T02"}, 4),
        ({"asset": ["T01", "T02"]}, 8),
        ({"assets": "T01,T02"}, 8),
        ({"variable": "wind_speed"}, 8),
        ({"signals": "T01.wind_speed_mean_10m"}, 1),
        ({"signals": ["T01.wind_speed_mean_10m", "T02.wind_speed_std_10m"]}, 2),
        ({"signals": "T01.wind_speed_mean_10m", "assets": "T02"}, 0),
    ],
)
def test_signals_are_chosen_by_all_that_is_given(
    filled: TestClient, parameters: dict[str, Any], count: int
) -> None:
    answer = get(
        filled, "/api/signals/data", **PARAMETERS, **parameters, format="csv", shape="wide"
    )
    assert len(answer.text.splitlines()[0].split(",")) == 1 + count


@pytest.mark.parametrize(
    ("parameters", "field", "told"),
    [
        ({"signals": "speed"}, "signals", "T01.wind_speed_mean_10m"),
        ({"variable": "power"}, "variable", "wind_speed"),
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
def test_what_is_not_there_is_refused_with_what_is(
    filled: TestClient, parameters: dict[str, Any], field: str, told: str
) -> None:
    answer = filled.get("/api/signals/data", params={**PARAMETERS, **parameters})
    assert fields(answer) == [field]
    assert told in answer.text


def test_too_many_long_answers_are_refused_for_now(filled: TestClient) -> None:
    for _ in range(streaming_response.MAX_EXPORTS):
        assert streaming_response._room.acquire(timeout=0)
    try:
        answer = filled.get("/api/signals/data", params=PARAMETERS)
    finally:
        for _ in range(streaming_response.MAX_EXPORTS):
            streaming_response._room.release()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert len(data(filled)) == 96


def test_what_fails_before_the_first_part_is_a_problem_and_frees_its_place(
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


def test_quality_tells_the_windows_that_are_not_perfect(client: TestClient, target: Engine) -> None:
    spec = sliced(HOUR, value_limits={"wind_speed": (0.0, 20.0)})
    job = new_job(target, slices=24, spec=spec)
    samples: list[float | None] = [*steady(7.0, 25), *[None] * 20, *steady(30.0, 15)]
    load(target, batch(job, samples, asset="T01", spec=spec))
    found = get(client, "/api/quality", **PARAMETERS).json()["data"]
    told = [(each["timestamp"], each["count"], each["flag_names"]) for each in found]
    assert told == [
        ("2025-12-05T00:20:00Z", 5, "incomplete"),
        ("2025-12-05T00:30:00Z", 0, "incomplete"),
        ("2025-12-05T00:40:00Z", 5, "incomplete out_of_range"),
        ("2025-12-05T00:50:00Z", 10, "out_of_range"),
    ]
    for form in FORMS:
        answer = get(client, "/api/quality", **PARAMETERS, format=form, label="end")
        table = read(answer, form)
        assert table["timestamp"].min() == pd.Timestamp("2025-12-05T00:30Z")
        assert list(table["flags"]) == [1, 1, 17, 16]
    assert get(client, "/api/quality", **PARAMETERS, assets="T02").json() == {"data": []}
    assert get(client, "/api/quality", **PARAMETERS, variable="power").json() == {"data": []}


def test_days_are_those_of_the_site(
    target_url: str, redis_settings: RedisSettings, target: Engine
) -> None:
    job = new_job(target, slices=24, spec=sliced(HOUR))
    load(target, *(batch(job, steady(7.0), start=DAY + n * HOUR, asset="T01") for n in range(6)))
    with dashboard(target_url, redis_settings, source_timezone="America/Sao_Paulo") as client:
        found = data(client)
    assert found["timestamp"].min().to_pydatetime() == datetime(2025, 12, 5, 3, tzinfo=UTC)
