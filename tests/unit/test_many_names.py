"""Requests with very many names: they are refused at once, before anything compares the names."""

import pytest
from pydantic import ValidationError

from services.connector.data_query import SampleQuery
from services.dashboard.api.charts import MAX_VARIABLES, SeriesQuery
from services.dashboard.api.signals import SignalDataQuery
from shared.clients.json_client import JsonClient
from shared.errors import InvalidInput
from shared.http.query_params import MAX_NAMES

DAY = "2025-12-05"


def _names(count: int) -> str:
    return ",".join(f"v{n}" for n in range(count))


@pytest.mark.parametrize("query", [SampleQuery, SignalDataQuery])
@pytest.mark.parametrize("field", ["variables", "assets"])
def test_a_parameter_has_a_maximum_of_names(
    query: type[SampleQuery | SignalDataQuery], field: str
) -> None:
    assert query.model_validate({"start": DAY, field: [_names(MAX_NAMES)]})
    with pytest.raises(ValidationError, match="1,001 names; 1,000 are allowed"):
        query.model_validate({"start": DAY, field: [_names(MAX_NAMES), "one-more"]})


def test_a_chart_has_a_maximum_of_variables_however_they_are_written() -> None:
    assert len(SeriesQuery(start=DAY, variables=[_names(MAX_VARIABLES)]).variables) == MAX_VARIABLES
    with pytest.raises(ValidationError, match="9 variables; 8 are allowed"):
        SeriesQuery(start=DAY, variables=[_names(MAX_VARIABLES + 1)])


def test_parameters_that_do_not_fit_into_a_url_are_refused() -> None:
    client = JsonClient("connector", "http://127.0.0.1:9", {})
    with pytest.raises(InvalidInput, match="too long"):
        client.request("GET", "/data", params={"variables": "v" * 70_000})
    client.close()
