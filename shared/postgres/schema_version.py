"""The version of the target schema: which one this release needs and how to get there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def config() -> Config:
    """Alembic's configuration."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return settings


def head() -> str | None:
    """The newest revision of this release."""
    return ScriptDirectory.from_config(config()).get_current_head()


def current(connection: Connection) -> str | None:
    """The revision that the database stands at; None where nothing was migrated yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> None:
    """Bring the database to `wanted()`; safe to run twice, also at the same time."""
    with engine.begin() as connection:
        # Two migrations at once wait for each other here.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('minuano.migrate'))")
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
