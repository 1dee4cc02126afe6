"""Targets that a migration must not touch, or where it must look for its tables."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from shared.errors import ConfigurationError
from shared.postgres import engines, schema_version


@pytest.fixture
def empty(source_url: str) -> Iterator[Engine]:
    """A database that has never been migrated."""
    engine = engines.connect(source_url, application="test")
    yield engine
    engine.dispose()


def test_the_schema_of_a_newer_release_is_refused(target: Engine) -> None:
    with target.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"schema 9999 is unknown .* newest is \d+: use"):
        schema_version.upgrade(target)


def test_the_tables_are_not_in_the_schema_that_has_the_name_of_the_owner(empty: Engine) -> None:
    with empty.begin() as connection:
        name = connection.scalar(text("SELECT quote_ident(current_user)"))
        connection.execute(text(f"CREATE SCHEMA {name}"))
    schema_version.upgrade(empty)
    with empty.connect() as connection:
        assert schema_version.current(connection) == schema_version.head()
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_user"
        assert connection.scalar(text(tables)) == 0
