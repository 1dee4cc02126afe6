"""`migrate`: upgrade the target database to the schema of this release."""

from cli import context
from cli.console import console
from shared.postgres import engines, schema_version


def migrate() -> None:
    """Upgrade the target database to the schema of this release.

    Example: MINUANO_TARGET_URL=postgresql://owner@host/target minuano migrate

    It may run repeatedly and concurrently. It needs the owner of the tables.
    """
    engine = engines.connect(context.owner_url("target_url"), application="migrate")
    with engines.postgres_errors():
        with engine.connect() as connection:
            before = schema_version.current(connection)
        schema_version.upgrade(engine)
    after = schema_version.head()
    if before == after:
        console.print(f"target schema: {after}, nothing to do")
    else:
        console.print(f"target schema: {before or 'empty'} → {after}")
