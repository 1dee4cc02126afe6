"""The catalog reflects the source only when it must."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event

from services.connector.settings import ConnectorSettings
from services.connector.source_catalog import SourceCatalog
from shared.postgres.engines import connect
from tests.integration.connector_process import MINUTES, execute


@pytest.fixture
def source(source_url: str) -> Iterator[Engine]:
    """A source with a table."""
    execute(source_url, MINUTES)
    engine = connect(source_url, application="test")
    yield engine
    engine.dispose()


def open_catalog(source: Engine, **options: float) -> SourceCatalog:
    url = SecretStr(source.url.render_as_string(hide_password=False))
    catalog = SourceCatalog(source, ConnectorSettings(source_url=url, port=0), **options)
    catalog.open()
    return catalog


def add_pitch(source: Engine) -> None:
    with source.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE data ADD pitch real")


def test_a_known_variable_causes_no_reflection(source: Engine) -> None:
    catalog = open_catalog(source)
    assert catalog.table(["power"]) is catalog.table()


def test_a_fresh_cache_is_not_refreshed(source: Engine) -> None:
    catalog = open_catalog(source)
    add_pitch(source)
    assert "pitch" not in catalog.table().variables


def test_a_stale_cache_is_refreshed(source: Engine) -> None:
    catalog = open_catalog(source, reflect_after_s=0.0)
    add_pitch(source)
    assert "pitch" in catalog.table().variables


def test_concurrent_refreshes_share_one_reflection(source: Engine) -> None:
    catalog = open_catalog(source)
    connections: list[object] = []
    event.listen(source, "engine_connect", connections.append)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: catalog.refresh(), range(64)))
    assert 0 < len(connections) < 64
