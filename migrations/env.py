"""Alembic runs this file: migrations over the connection that `schema_version.upgrade` passes."""

from alembic import context

from shared.postgres import schema_version, tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    include_schemas=True,
    version_table_schema=schema_version.SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
