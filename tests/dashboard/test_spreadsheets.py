"""CSV for spreadsheets: names that would be formulas are quoted, if the request asks for it."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.dashboard.dashboard_client import fields, get, load
from tests.integration.loader import DAY, HOUR, batch, new_job, sliced, steady

ASSET = "=1+1"
NAME = f"{ASSET}.wind_speed_mean_10m"
PARAMETERS = {"start": "2025-12-05", "signals": NAME, "format": "csv"}


@pytest.fixture
def filled(client: TestClient, target: Engine) -> TestClient:
    """Negative values of a turbine whose name is a formula."""
    job = new_job(target, slices=24, spec=sliced(HOUR), assets=(ASSET,))
    load(target, batch(job, steady(-1.5), start=DAY, asset=ASSET))
    return client


@pytest.mark.parametrize(
    ("shape", "line", "quoted"),
    [
        ("long", f"2025-12-05T00:00:00Z,{NAME},-1.5", f"2025-12-05T00:00:00Z,'{NAME},-1.5"),
        ("wide", f"timestamp,{NAME}", f"timestamp,'{NAME}"),
    ],
)
def test_values(filled: TestClient, shape: str, line: str, quoted: str) -> None:
    path = "/api/signals/data"
    assert line in get(filled, path, **PARAMETERS, shape=shape).text.splitlines()
    safe = get(filled, path, **PARAMETERS, shape=shape, spreadsheet="true").text.splitlines()
    assert quoted in safe
    assert any(row.endswith(",-1.5") for row in safe)


def test_quality(filled: TestClient) -> None:
    answer = get(filled, "/api/quality", start="2025-12-05", format="csv", spreadsheet="true")
    assert answer.text.startswith("timestamp,asset,")


@pytest.mark.parametrize("format_name", ["json", "arrow", "parquet"])
def test_other_formats_are_refused(filled: TestClient, format_name: str) -> None:
    parameters = {**PARAMETERS, "format": format_name, "spreadsheet": "true"}
    assert fields(filled.get("/api/signals/data", params=parameters)) == ["spreadsheet"]
