"""The overview and the data page, as HTML."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from services.dashboard.pages.overview import MAX_ASSETS_SHOWN
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard, load
from tests.integration.loader import DAY, ONE_DAY, batch, new_job, sliced, steady

HTML = {"Accept": "text/html"}
BOTH = ("wind_speed", "power")
MINUTES = 1440
MORE_TURBINES = """
    WITH added AS (
        INSERT INTO signal (name, asset, variable, statistic, window_s)
        SELECT 'more ' || n, 'A' || n, 'power', 'mean', 600 FROM generate_series(1, :count) n
        RETURNING id
    )
    INSERT INTO data (timestamp, signal_id, value) SELECT '2025-12-05Z', id, 500.0 FROM added
"""


@pytest.fixture
def filled(target_url: str, redis_settings: RedisSettings, target: Engine) -> Iterator[TestClient]:
    """The dashboard of a site in Brazil, with two days of T01 and half a day of <b>T02."""
    zone = "America/Sao_Paulo"
    spec = sliced(ONE_DAY)
    job = new_job(
        target, spec=spec, variables=BOTH, days=3, slices=6, timezone=zone, assets=("T01", "<b>T02")
    )
    midnight = DAY.replace(hour=3)
    samples = (steady(7.0, MINUTES), steady(500.0, MINUTES))
    half = (steady(9.0, 720), steady(900.0, 720))
    options: dict[str, Any] = {"variables": BOTH, "length": ONE_DAY, "spec": spec}
    load(
        target,
        batch(job, *samples, start=midnight, asset="T01", **options),
        batch(job, *samples, start=midnight + ONE_DAY, asset="T01", **options),
        batch(job, *half, start=midnight, asset="<b>T02", **options),
    )
    with dashboard(
        target_url, redis_settings, source_timezone=zone, source_asset_column="asset",
        rated_power_kw={"*": 2000}, headers=HTML,
    ) as client:  # fmt: skip
        yield client


def shown(client: TestClient, path: str, **parameters: Any) -> str:
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", answer.text)


def cell(page: str, label: str) -> str:
    """The link of the map's cell with this label."""
    [link] = re.findall(rf'<a href="([^"]*)"[^>]*aria-label="{re.escape(label)}"', page)
    return str(link).replace("&amp;", "&")


@pytest.mark.parametrize("path", ["/", "/data"])
def test_the_pages_of_an_empty_target_explain_how_to_start(client: TestClient, path: str) -> None:
    page = shown(client, path)
    assert "No data loaded yet" in page
    assert 'href="/jobs"' in page


def test_the_latest_day_of_an_asset_is_shown(filled: TestClient) -> None:
    page = shown(filled, "/", asset="T01")
    assert "T01 · 2025-12-06" in page
    assert re.search(r"12,000 <small>kWh</small>", page)
    assert re.search(r"7\.0 <small>m/s</small>", page)
    assert re.search(r"25\.0 <small>%</small>", page)
    assert "start=2025-12-06T03%3A00%3A00%2B00%3A00" in page
    assert "data for 100 % of the time" in page


def test_energy_comes_with_its_coverage(filled: TestClient) -> None:
    page = shown(filled, "/", asset="<b>T02")
    assert re.search(r"10,800 <small>kWh</small>", page)
    assert "data for 50 % of the time" in page


def test_the_name_of_a_turbine_is_escaped(filled: TestClient) -> None:
    for path in ("/", "/data"):
        page = shown(filled, path)
        assert "<b>" not in page
        assert "&lt;b&gt;T02" in page


def test_the_map_describes_each_day_and_links_to_it(filled: TestClient) -> None:
    page = shown(filled, "/", asset="T01")
    assert cell(page, "T01, 2025-12-05: complete, 100 %") == "/?asset=T01&day=2025-12-05&days=1"
    cell(page, "&lt;b&gt;T02, 2025-12-05: incomplete, 50 %")
    empty = cell(page, "&lt;b&gt;T02, 2025-12-06: no data")
    day = shown(filled, empty)
    assert "No data for this period" in day
    assert "/jobs?start=2025-12-06&amp;end=2025-12-06&amp;assets=%3Cb%3ET02" in day


def test_a_year_ends_with_the_chosen_day(filled: TestClient) -> None:
    page = shown(filled, "/", asset="T01", day="2025-12-06", days=365)
    assert "2024-12-07 to 2025-12-06" in page
    assert "data for 1 % of the time" in page


def test_each_turbine_is_listed_with_its_latest_day(filled: TestClient) -> None:
    page = shown(filled, "/")
    listed = page[page.index("Latest day of each turbine</h2>") :]
    assert re.search(r"T01</a></th><td>2025-12-06</td> <td class=\"number\">12,000</td>", listed)
    assert re.search(r"T02</a></th><td>2025-12-05</td> <td class=\"number\">10,800</td>", listed)


def test_only_the_first_of_many_turbines_are_shown(filled: TestClient, target: Engine) -> None:
    before_t01 = MAX_ASSETS_SHOWN - 1
    with target.begin() as connection:
        connection.execute(text(MORE_TURBINES), {"count": before_t01})
    page = shown(filled, "/")
    assert page.count(f"Only the first {MAX_ASSETS_SHOWN} of {MAX_ASSETS_SHOWN + 1} turbines") == 2
    assert 'aria-label="T01, 2025-12-05' not in page
    assert "T01</option>" in page


@pytest.mark.parametrize(
    "parameters",
    [{"day": "yesterday"}, {"days": 3}, {"day": "0001-01-01"}, {"until": "x"}, {"asset": "\x00"}],
)
def test_an_invalid_parameter_is_answered_with_an_error_page(
    filled: TestClient, parameters: dict[str, Any]
) -> None:
    answer = filled.get("/", params=parameters)
    assert answer.status_code == 422
    assert "The request failed" in answer.text
    assert next(iter(parameters)) in answer.text


def test_an_unknown_path_is_answered_with_an_error_page(filled: TestClient) -> None:
    answer = filled.get("/nowhere")
    assert (answer.status_code, "Page not found" in answer.text) == (404, True)
    assert filled.get("/api/nowhere").headers["content-type"] == "application/problem+json"


def test_without_the_target_the_page_is_unavailable(
    redis_settings: RedisSettings,
) -> None:
    unreachable = "postgresql://nobody:x@127.0.0.1:9/none"
    with dashboard(unreachable, redis_settings, headers=HTML) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "A service is unavailable" in answer.text
    assert "Traceback" not in answer.text


def test_a_table_has_a_row_for_each_window_in_the_chosen_time_zone(filled: TestClient) -> None:
    page = shown(filled, "/data", start="2025-12-05", assets="T01")
    assert page.count('<th scope="row">2025-12-05') == 144
    assert "2025-12-05 00:00" in page
    assert "America/Sao_Paulo" in page
    filled.post("/preferences", data={"timezone": "utc"})
    page = shown(filled, "/data", start="2025-12-05", assets="T01")
    assert "2025-12-05 03:00" in page
    assert "2025-12-06 02:50" in page


def test_a_table_has_a_page_for_each_day_of_each_turbine(filled: TestClient) -> None:
    params = {"start": "2025-12-05", "end": "2025-12-06"}
    names = ["&lt;b&gt;T02 · 2025-12-05", "&lt;b&gt;T02 · 2025-12-06", "T01 · 2025-12-05"]
    for number, name in enumerate(names, start=1):
        page = shown(filled, "/data", **params, page=number)
        assert name in page
        assert f"{number} of 4" in page
    assert "No data for this day" in shown(filled, "/data", **params, page=2)
    assert "T01 · 2025-12-06" in shown(filled, "/data", **params, page=99)


def test_a_day_without_a_window_links_to_a_job_for_its_turbine(filled: TestClient) -> None:
    page = shown(filled, "/data", start="2025-12-05", end="2025-12-06", page=2)
    assert "/jobs?start=2025-12-06&amp;end=2025-12-06&amp;assets=%3Cb%3ET02" in page


def test_the_download_of_a_table_includes_its_last_day(filled: TestClient) -> None:
    page = shown(filled, "/data", start="2025-12-05", end="2025-12-06")
    assert "/api/signals/data?start=2025-12-05&amp;end=2025-12-07&amp;" in page


def test_a_table_has_only_the_selected_variables(filled: TestClient) -> None:
    page = shown(filled, "/data", assets="T01", variables="power")
    assert 'colspan="4" scope="colgroup">power' in page
    assert 'scope="colgroup">wind_speed' not in page
    assert "variables=power&amp;" in page


def test_days_in_the_wrong_order_are_refused(filled: TestClient) -> None:
    answer = filled.get("/data", params={"start": "2025-12-06", "end": "2025-12-05"})
    assert answer.status_code == 422
    assert "is before the first" in answer.text


def test_the_page_is_in_the_language_of_the_browser(filled: TestClient) -> None:
    page = filled.get("/?asset=T01", headers={"Accept-Language": "pt-BR,pt;q=0.9"}).text
    assert "Visão geral" in page
    assert "12.000 <small>kWh</small>" in page
