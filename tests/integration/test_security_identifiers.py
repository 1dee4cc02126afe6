"""Names cannot inject SQL: hostile names are only names, and no table is lost."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from shared.errors import ConfigurationError
from shared.ledger.ledger import Ledger
from tests.hostile_names import HOSTILE_NAMES, quote_identifier
from tests.integration.connector_process import DAY, MINUTES, connector, execute, rows
from tests.integration.loader import batch, entry, fetch, loader, new_job, steady

NOWHERE = ("x" * 10_000, "pg_catalog.pg_authid; --", "public.data; DROP TABLE data")


@pytest.fixture
def source(source_url: str) -> Iterator[str]:
    """A source with the usual table; its rows are counted afterwards."""
    execute(source_url, MINUTES)
    yield source_url
    with connector(source_url) as client:
        assert len(rows(client, start=DAY)) == 1440


def test_a_table_and_columns_with_hostile_names_are_read(source: str) -> None:
    for name in [name[:58] for name in HOSTILE_NAMES]:
        table, time, asset, value = (quote_identifier(f"{name}{end}") for end in "ptav")
        execute(
            source,
            f"CREATE TABLE {table} ({time} timestamptz, {asset} text, {value} float8);"
            f"INSERT INTO {table} VALUES ('2025-12-05Z', 'T''01', 7)",
        )
        names = {"source_table": f"public.{name}p", "source_time_column": f"{name}t"}
        with connector(source, **names, source_asset_column=f"{name}a") as client:
            [row] = rows(client, start=DAY, variables=f"{name}v", asset="T'01")
            assert row[f"{name}v"] == 7
            assert rows(client, start=DAY, asset=name) == []


@pytest.mark.parametrize("setting", ["source_table", "source_time_column", "source_asset_column"])
def test_a_missing_name_is_a_configuration_error(source: str, setting: str) -> None:
    for name in (*HOSTILE_NAMES, *NOWHERE):
        with (
            pytest.raises(ConfigurationError, match=f"^MINUANO_{setting.upper()}: "),
            connector(source, **{setting: name}),
        ):
            pass


def test_variables_and_assets_with_hostile_names_become_signals(target: Engine) -> None:
    for name in HOSTILE_NAMES:
        job = new_job(target, variables=(name,), started=False)
        Ledger(target).mark_started(job, assets=[name], slices_total=1)
        loader(target)([entry(batch(job, steady(1.0), variables=(name,), asset=name))])
    signals = fetch(target, "SELECT asset, variable FROM signal WHERE statistic = 'mean'")
    assert sorted(signals) == sorted((name, name) for name in HOSTILE_NAMES)
    signal_names = {row[0] for row in fetch(target, "SELECT name FROM signal")}
    assert {f"{name}.{name}_mean_10m" for name in HOSTILE_NAMES} <= signal_names
    assert fetch(target, "SELECT count(*) FROM data") == [(24 * len(HOSTILE_NAMES),)]
