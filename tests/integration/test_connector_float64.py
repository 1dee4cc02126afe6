"""Numbers that float64 cannot hold: only their own samples are affected."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.domain.fingerprint import fingerprints
from tests.integration.connector_process import DAY, all_tables, connector, execute, get

VALUES = {
    "1e400": float("inf"), "-1e400": float("-inf"), "1e-400": 0.0, "NaN": float("nan"),
    "1.7976931348623157e308": 1.7976931348623157e308, "-4e-324": -5e-324, "0.1": 0.1,
}  # fmt: skip
PARK = """
    CREATE TABLE data (timestamp timestamptz PRIMARY KEY, turbine text, power {});
    INSERT INTO data SELECT timestamptz '2025-12-05Z' + n * interval '1 min', 'T01', value::numeric
    FROM unnest(ARRAY[{}]) WITH ORDINALITY AS v(value, n)
"""


@pytest.mark.parametrize("type_", ["numeric", "numeric(1000, 500)", "exact"])
def test_a_number_beyond_float64_becomes_infinite_or_zero(source_url: str, type_: str) -> None:
    execute(source_url, "CREATE DOMAIN exact AS numeric")
    execute(source_url, PARK.format(type_, ", ".join(f"'{text}'" for text in VALUES)))
    with connector(source_url, source_asset_column="turbine") as client, capture_logs() as logs:
        [table] = all_tables(client, start=DAY)
        [day] = get(client, "/fingerprints", start=DAY).json()
    assert [repr(value) for value in table["power"].to_pylist()] == [*map(repr, VALUES.values())]
    assert [day["fingerprints"]["power"]] == [*fingerprints(table.drop_columns("asset"))]
    [warning] = [line for line in logs if line["event"] == "source.number_beyond_float64"]
    expected: dict[str, Any] = {
        "variable": "power", "asset": "T01", "timestamp": "2025-12-05T00:01:00+00:00", "count": 2,
    }  # fmt: skip
    assert expected.items() <= warning.items()


def test_a_number_of_a_bounded_type_is_not_checked(source_url: str) -> None:
    execute(source_url, PARK.format("numeric(12, 4)", "'0.1'"))
    with connector(source_url, source_asset_column="turbine") as client:
        [table] = all_tables(client, start=DAY)
    assert table["power"].to_pylist() == [0.1]
