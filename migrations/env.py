"""Alembic's entry: runs the migrations over the connection that `minuano migrate` hands over."""

from alembic import context

from shared.postgres import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
