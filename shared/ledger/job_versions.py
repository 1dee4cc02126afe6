"""Which jobs have changed: a cheaper question than what they are now."""

from collections.abc import Collection

from sqlalchemy import Engine, text

from shared.postgres.engines import postgres_errors
from shared.postgres.transaction import single_statement


def read(engine: Engine, ids: Collection[int]) -> dict[int, str]:
    """The version of each of these jobs, by id: the transaction that changed it last."""
    with postgres_errors(), single_statement(engine) as connection:
        rows = connection.execute(
            text("SELECT id, CAST(xmin AS text) AS version FROM etl.job WHERE id = ANY(:ids)"),
            {"ids": list(ids)},
        )
        return {row.id: row.version for row in rows}
