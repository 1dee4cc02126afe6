"""Sources and targets whose encoding is not UTF-8."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest
from sqlalchemy import Engine

from cli.embedded.postgres import Postgres
from shared.errors import ConfigurationError
from shared.ledger.ledger import Ledger
from shared.postgres import engines, schema_version
from tests.integration.connector_process import (
    DAY,
    PARK,
    TURBINES,
    connector,
    execute,
    get,
    rows,
)
from tests.integration.loader import batch, entry, loader, means, new_job, steady

Create = Callable[[str], str]
ASSET, VARIABLE = "Möwe", "Böe"
# The same text as bytes of LATIN1, which a database without an encoding stores as they are.
NAMED_IN_LATIN1 = TURBINES.replace("T01", "Möwe").encode("latin-1")


@pytest.fixture
def create_database(postgres: Postgres) -> Iterator[Create]:
    """Creates a database with an encoding and returns the URL of its superuser."""
    names = []

    def create(encoding: str) -> str:
        names.append(f"test_{uuid.uuid4().hex[:12]}")
        options = f"ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'"
        execute(postgres.url(), f"CREATE DATABASE {names[-1]} {options}")
        return postgres.url(names[-1])

    yield create
    for name in names:
        execute(postgres.url(), f"DROP DATABASE {name} WITH (FORCE)")


def test_names_of_a_latin1_source_are_read(create_database: Create) -> None:
    url = create_database("LATIN1")
    with closing(psycopg2.connect(url, client_encoding="UTF8")) as connection:
        with connection.cursor() as cursor:
            cursor.execute(TURBINES.replace("T01", ASSET).replace("power", f'"{VARIABLE}"'))
        connection.commit()
    with connector(url, **PARK) as client:
        assert ASSET in get(client, "/assets").json()
        assert [v["name"] for v in get(client, "/variables").json()] == [VARIABLE]
        assert {row["asset"] for row in rows(client, start=DAY, assets=ASSET)} == {ASSET}
        assert len(get(client, "/fingerprints", start=DAY, assets=ASSET).json()) == 1


def test_a_source_without_an_encoding_says_what_its_texts_must_be(create_database: Create) -> None:
    url = create_database("SQL_ASCII")
    with closing(psycopg2.connect(url, client_encoding="SQL_ASCII")) as connection:
        with connection.cursor() as cursor:
            cursor.execute(NAMED_IN_LATIN1)
        connection.commit()
    with connector(url, **PARK) as client:
        assert len(rows(client, start=DAY, assets="T02")) == 50
        response = client.get("/assets")
    assert (response.status_code, response.json()["detail"]) == (
        500,
        'PostgreSQL rejects the values: invalid byte sequence for encoding "UTF8": 0xf6 0x77 0x65 '
        "(22021); the texts of a database without an encoding (SQL_ASCII) must be UTF-8",
    )


def test_a_latin1_target_is_loaded_and_keeps_errors_of_any_text(create_database: Create) -> None:
    engine = engines.connect(create_database("LATIN1"), application="test")
    schema_version.upgrade(engine)
    first, second = (new_job(engine, assets=[ASSET], variables=[VARIABLE]) for _ in range(2))
    stats = batch(first, steady(7.0), variables=[VARIABLE], asset=ASSET)
    loader(engine)([entry(stats)])
    assert set(means(engine, VARIABLE, ASSET).values()) == {7.0}
    failed = Ledger(engine).fail(second, reason="data", error=f"{ASSET} \N{HORIZONTAL ELLIPSIS}")
    assert (failed.state, failed.error) == ("failed", f"{ASSET} ?")
    engine.dispose()


def test_the_error_of_a_job_may_be_any_text(target: Engine) -> None:
    text = "connector answers 422: \0 \ud800 Möwe"  # as JSON can have it
    failed = Ledger(target).fail(new_job(target), reason="contract", error=text)
    assert failed.error == "connector answers 422: ? ? Möwe"


def test_a_target_without_an_encoding_is_refused(create_database: Create) -> None:
    engine = engines.connect(create_database("SQL_ASCII"), application="test")
    with pytest.raises(ConfigurationError, match="MINUANO_TARGET_URL: the database has no enc"):
        schema_version.upgrade(engine)
    engine.dispose()
