"""Asset columns of every type, and roles that may read only some columns."""

import pytest

from tests.integration.connector_process import (
    DAY,
    PARK,
    all_rows,
    connector,
    execute,
    get,
    rows,
)

READER, OWNER = "minuano_reader", "minuano_owner"
TYPES = """
    CREATE SCHEMA "Fleet";
    CREATE TYPE "Fleet"."Turbine kind" AS ENUM ('T02', 'T01', 'T10');
    CREATE TYPE turbine AS ENUM ('T02', 'T01', 'T10');
    CREATE DOMAIN turbine_domain AS turbine;
    CREATE DOMAIN name_domain AS text CHECK (VALUE LIKE 'T%');
    CREATE DOMAIN number AS integer;
"""
TEXTS = (
    '"Fleet"."Turbine kind"', "turbine", "turbine_domain", "name_domain", "char(8)", "varchar(3)",
)  # fmt: skip
NUMBERS = ("smallint", "bigint", "number")
KEYS = (", PRIMARY KEY (turbine, stamp)", "")


def create_park(url: str, kind: str, *, key: str = "", assets: tuple[str, ...]) -> None:
    values = ", ".join(f"('{asset}'::{kind})" for asset in assets)
    execute(
        url,
        f"{TYPES}; CREATE TABLE park (turbine {kind}, stamp timestamptz, power float8{key});"
        "INSERT INTO park SELECT t, timestamptz '2025-12-05Z' + n * interval '1 minute', n "
        f"FROM (VALUES {values}) v(t), generate_series(0, 19) n",
    )


@pytest.mark.parametrize("key", KEYS, ids=["with key", "without key"])
@pytest.mark.parametrize("kind", [*TEXTS, *NUMBERS])
def test_the_asset_column_can_have_any_type(source_url: str, kind: str, key: str) -> None:
    assets = ("2", "1", "10") if kind in NUMBERS else ("T02", "T01", "T10")
    unknown = "9" if kind in NUMBERS else "T09"
    create_park(source_url, kind, key=key, assets=assets)
    with connector(source_url, **PARK) as client:
        assert sorted(get(client, "/assets").json()) == sorted(assets)
        assert len(get(client, "/extent").json()["assets"]) == 3
        whole = all_rows(client, start=DAY, limit=7)
        assert len({(row["asset"], row["timestamp"]) for row in whole}) == len(whole) == 60
        two = all_rows(client, start=DAY, limit=7, assets=",".join([*assets[:2], unknown]))
        assert sorted({row["asset"] for row in two}) == sorted(assets[:2])
        assert len(two) == 40
        assert rows(client, start=DAY, assets=unknown) == []
        days = get(client, "/fingerprints", start=DAY).json()
        assert sorted(day["asset"] for day in days) == sorted(assets)


COLUMN_GRANTS = f"""
    CREATE TABLE data (timestamp timestamptz, power float8, secret float8);
    INSERT INTO data SELECT timestamptz '2025-12-05Z' + n / 2 * interval '1 minute', n, n
    FROM generate_series(0, 99) n;
    REVOKE ALL ON data FROM {READER};
    GRANT SELECT (timestamp, power) ON data TO {READER}
"""


def test_privileges_on_columns_are_enough(source_url: str) -> None:
    execute(source_url, COLUMN_GRANTS)
    with connector(source_url.replace(OWNER, READER)) as client:
        assert [variable["name"] for variable in get(client, "/variables").json()] == ["power"]
        assert sorted(row["power"] for row in all_rows(client, start=DAY, limit=7)) == [
            float(n) for n in range(100)
        ]
        assert get(client, "/fingerprints", start=DAY).json()[0]["rows"] == 100


def test_privileges_that_are_narrowed_later_are_enough(source_url: str) -> None:
    execute(source_url, COLUMN_GRANTS + f"; GRANT SELECT ON data TO {READER}")
    with connector(source_url.replace(OWNER, READER)) as client:
        assert len(all_rows(client, start=DAY, limit=7)) == 100
        narrowed = f"REVOKE ALL ON data FROM {READER}; GRANT SELECT (timestamp, power) ON data"
        execute(source_url, f"{narrowed} TO {READER}")
        assert len(all_rows(client, start=DAY, limit=7, variables="power")) == 100
