"""The catalog looks at the source when it has to, and no more often."""

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


def opened(source: Engine, **options: float) -> SourceCatalog:
    url = SecretStr(source.url.render_as_string(hide_password=False))
    catalog = SourceCatalog(source, ConnectorSettings(source_url=url, port=0), **options)
    catalog.open()
    return catalog


def add_pitch(source: Engine) -> None:
    with source.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE data ADD pitch real")


def test_what_is_known_is_not_looked_for_again(source: Engine) -> None:
    catalog = opened(source)
    assert catalog.source(["power"]) is catalog.source()


def test_the_source_is_not_looked_at_again_before_a_while_is_over(source: Engine) -> None:
    catalog = opened(source)
    add_pitch(source)
    assert "pitch" not in catalog.source().variables


def test_the_source_is_looked_at_again_after_a_while(source: Engine) -> None:
    catalog = opened(source, reflect_after_s=0.0)
    add_pitch(source)
    assert "pitch" in catalog.source().variables


def test_many_who_ask_at_once_share_a_look(source: Engine) -> None:
    catalog = opened(source)
    looks: list[object] = []
    event.listen(source, "engine_connect", looks.append)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: catalog.refresh(), range(64)))
    assert 0 < len(looks) < 64
