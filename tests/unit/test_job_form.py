"""The form that asks for a job."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.dashboard.jobs.job_form import JobForm, defaults, parse
from services.dashboard.jobs.source_catalog import CatalogSnapshot
from shared.clients.connector import Extent

TODAY, UTC_ = date(2026, 1, 1), ZoneInfo("UTC")
USUAL = {"start": "2025-12-05", "variables": ["power"]}


def form(**changed: Any) -> JobForm:
    return JobForm.model_validate({**USUAL, **changed})


def test_one_day_is_asked_for_where_the_last_is_left_out_or_the_same() -> None:
    for end in ("", "2025-12-05"):
        request = parse(form(end=end)).request
        assert request
        assert (str(request.date), request.start) == ("2025-12-05", None)


def test_ticked_and_typed_names_are_asked_for_once() -> None:
    request = parse(
        form(more_variables="power, wind_speed", assets=["T01"], more_assets="T 02,")
    ).request
    assert request
    assert (request.variables, request.assets) == (("power", "wind_speed"), ("T01", "T 02"))


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"start": ""}, {"start": "no_day"}),
        ({"variables": []}, {"variables": "no_variable"}),
        ({"end": "2025-12-04"}, {"end": "backwards"}),
        ({"start": "2025-02-30"}, {"start": "2025-02-30 is not in the calendar"}),
        ({"start": "1999-01-01", "end": "2025-12-05"}, {"end": "3660 days are allowed in one job"}),
    ],
)
def test_what_is_wrong_is_told_by_its_field(changed: dict[str, Any], wrong: dict[str, str]) -> None:
    assert parse(form(**changed)).errors == wrong


def test_the_same_form_sent_twice_is_one_request_and_changed_another() -> None:
    def key(**changed: Any) -> str | None:
        sent = form(**changed)
        return parse(sent).idempotency_key(sent)

    assert key(key="k") == key(key="k")
    assert len({key(key="k"), key(key="l"), key(key="k", end="2025-12-06")}) == 3
    assert key() is None


def test_a_blank_form_has_the_newest_day_and_the_usual_variables() -> None:
    extent = Extent(first=None, last=datetime(2025, 12, 10, 23, 59, tzinfo=UTC), assets=[])
    offer = CatalogSnapshot(["ambient_temperature", "power"], [], extent, extent.last)
    found = defaults(offer, UTC_, TODAY)
    assert (found.start, found.variables) == ("2025-12-10", ["power"])
    assert defaults(CatalogSnapshot(["torque", "pitch"], []), UTC_, TODAY).variables == ["torque"]
    assert defaults(CatalogSnapshot([], [], away="gone"), UTC_, TODAY).start == "2026-01-01"


def test_the_newest_day_is_the_sites() -> None:
    extent = Extent(first=None, last=datetime(2025, 12, 11, 1, tzinfo=UTC), assets=[])
    found = defaults(
        CatalogSnapshot(["power"], [], extent, extent.last), ZoneInfo("America/Sao_Paulo"), TODAY
    )
    assert found.start == "2025-12-10"
