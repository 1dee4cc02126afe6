"""Alembic runs this file: migrations over the connection that `schema_version.upgrade` passes."""

from alembic import context

from shared.postgres import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
