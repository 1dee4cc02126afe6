"""The form that requests a job."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.dashboard.jobs.job_form import JobForm, defaults, idempotency_key, parse
from services.dashboard.jobs.source_catalog import CatalogSnapshot
from shared.clients.connector import Extent

TODAY, UTC_ = date(2026, 1, 1), ZoneInfo("UTC")
FIELDS = {"start": "2025-12-05", "variables": ["power"]}


def form(**changed: Any) -> JobForm:
    return JobForm.model_validate({**FIELDS, **changed})


def new_form(catalog: CatalogSnapshot, *variables: str, zone: ZoneInfo = UTC_) -> JobForm:
    return defaults(catalog, zone, TODAY, variables=variables or ("wind_speed", "power"))


def test_without_a_later_last_day_the_form_requests_one_day() -> None:
    for end in ("", "2025-12-05"):
        request, _ = parse(form(end=end))
        assert request
        assert (str(request.date), request.start) == ("2025-12-05", None)


def test_a_name_that_is_ticked_and_typed_is_requested_once() -> None:
    request, _ = parse(
        form(more_variables="power, wind_speed", assets=["T01"], more_assets="T 02,")
    )
    assert request
    assert (request.variables, request.assets) == (("power", "wind_speed"), ("T01", "T 02"))


def test_the_box_requests_changed_slices_only() -> None:
    requests = [parse(form(**changed))[0] for changed in ({}, {"only": "changed"})]
    assert [request and request.only for request in requests] == [None, "changed"]


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"start": ""}, {"start": "no_day"}),
        ({"variables": []}, {"variables": "no_variable"}),
        ({"end": "2025-12-04"}, {"end": "backwards"}),
        ({"start": "2025-02-30"}, {"start": "2025-02-30 is not in the calendar"}),
        ({"start": "1999-01-01", "end": "2025-12-05"}, {"end": "3660 days are allowed in one job"}),
    ],
)
def test_each_invalid_field_has_an_error(changed: dict[str, Any], errors: dict[str, str]) -> None:
    assert parse(form(**changed)) == (None, errors)


def test_the_idempotency_key_changes_only_with_the_form() -> None:
    def key(**changed: Any) -> str | None:
        posted = form(**changed)
        request, _ = parse(posted)
        assert request
        return idempotency_key(posted, request)

    assert key(key="k") == key(key="k")
    changes: list[dict[str, str]] = [{}, {"key": "l"}, {"end": "2025-12-06"}, {"only": "changed"}]
    assert len({key(**{"key": "k", **changed}) for changed in changes}) == 4
    assert key() is None


def test_the_default_form_has_the_newest_day_and_the_default_variables() -> None:
    extent = Extent(first=None, last=datetime(2025, 12, 10, 23, 59, tzinfo=UTC), assets=[])
    catalog = CatalogSnapshot(["ambient_temperature", "power"], [], extent, extent.last)
    assert new_form(catalog).start == "2025-12-10"
    assert new_form(catalog).variables == ["power"]
    assert new_form(catalog, "*").variables == ["ambient_temperature", "power"]
    assert new_form(CatalogSnapshot(["torque", "pitch"], [])).variables == ["torque"]
    assert new_form(CatalogSnapshot([], [], away="gone")).start == "2026-01-01"


def test_the_newest_day_is_a_local_day_of_the_site() -> None:
    extent = Extent(first=None, last=datetime(2025, 12, 11, 1, tzinfo=UTC), assets=[])
    catalog = CatalogSnapshot(["power"], [], extent, extent.last)
    assert new_form(catalog, zone=ZoneInfo("America/Sao_Paulo")).start == "2025-12-10"
