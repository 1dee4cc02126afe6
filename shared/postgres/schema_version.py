"""The version of the target schema: read it, and upgrade to the newest."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from shared.errors import ConfigurationError
from shared.postgres.encoding import NO_ENCODING

FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def _config() -> Config:
    """The configuration of Alembic."""
    alembic = Config()
    alembic.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return alembic


def head() -> str | None:
    """The newest revision of this release."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current(connection: Connection) -> str | None:
    """The revision of the database; None if it has never been migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> None:
    """Upgrade the database to `head()`. Repeated and concurrent calls are safe. A database without
    an encoding is a `ConfigurationError`.
    """
    with engine.begin() as connection:
        if connection.exec_driver_sql("SHOW server_encoding").scalar_one() == "SQL_ASCII":
            raise ConfigurationError(f"MINUANO_TARGET_URL: {NO_ENCODING}")
        # A concurrent migration waits here.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('minuano.migrate'))")
        alembic = _config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
