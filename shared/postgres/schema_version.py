"""The version of the target schema: read it, and upgrade to the newest."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from shared.errors import ConfigurationError
from shared.postgres.encoding import NO_ENCODING

SCHEMA = "public"
FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def _config() -> Config:
    """The configuration of Alembic."""
    alembic = Config()
    alembic.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return alembic


def head() -> str | None:
    """The newest revision of this release."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def current(connection: Connection) -> str | None:
    """The revision of the database; None if it has never been migrated."""
    options = {"version_table_schema": SCHEMA}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def advice(revision: str | None) -> str | None:
    """What to do with a database of this revision; None if it is `head()`."""
    if revision == head():
        return None
    if revision and revision not in _revisions():
        return (
            f"schema {revision} is unknown to this release, whose newest is {head()}: use the "
            "release that created it, or a newer one"
        )
    return f"schema {revision or 'missing'}, this release needs {head()}: minuano migrate"


def upgrade(engine: Engine) -> None:
    """Upgrade the database to `head()`. Repeated and concurrent calls are safe. A database without
    an encoding, or of a newer release, is a `ConfigurationError`.
    """
    with engine.begin() as connection:
        if connection.exec_driver_sql("SHOW server_encoding").scalar_one() == "SQL_ASCII":
            raise ConfigurationError(f"MINUANO_TARGET_URL: {NO_ENCODING}")
        # Without it the tables of an owner go into a schema with the owner's name, if there is one.
        connection.exec_driver_sql(f"SET LOCAL search_path = {SCHEMA}")
        # A concurrent migration waits here.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('minuano.migrate'))")
        revision = current(connection)
        if revision and revision not in _revisions():
            raise ConfigurationError(f"MINUANO_TARGET_URL: {advice(revision)}")
        alembic = _config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
