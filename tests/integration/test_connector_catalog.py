"""The catalog looks at the source when it has to, and no more often."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from services.connector import catalog as module
from services.connector import source
from services.connector.catalog import Catalog
from services.connector.settings import ConnectorSettings
from shared.database import connect
from tests.integration.connector import MINUTES, execute


@pytest.fixture
def catalog(source_url: str) -> Iterator[Catalog]:
    execute(source_url, MINUTES)
    engine = connect(source_url, application="test")
    found = Catalog(engine, ConnectorSettings(source_url=SecretStr(source_url), port=0))
    found.open()
    yield found
    engine.dispose()


def test_what_is_known_is_not_looked_for_again(catalog: Catalog) -> None:
    assert catalog.source(["power"]) is catalog.source()


def test_the_source_is_looked_at_again_after_a_while(
    catalog: Catalog, source_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(source_url, "ALTER TABLE data ADD pitch real")
    assert "pitch" not in catalog.source().variables
    monkeypatch.setattr(module, "REFLECT_AFTER_S", 0.0)
    assert "pitch" in catalog.source().variables


def test_many_who_ask_at_once_share_a_look(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    reflect = source.reflect

    def counted(*given: object) -> object:
        looks.append(given)
        return reflect(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "reflect", counted)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: catalog.refresh(), range(64)))
    assert len(looks) < 64
