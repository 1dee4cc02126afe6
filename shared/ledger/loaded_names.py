"""The names that were ever loaded, as the ledger has them, and those that the target has."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from shared.postgres.engines import postgres_errors

# The assets are found by steps from each to the next, each a look at the index of the fence: a
# DISTINCT would read all slices.
_NAMES = text("""
    WITH RECURSIVE jobs AS (
        SELECT DISTINCT variables, spec -> 'statistics' AS statistics FROM etl.job
        WHERE loaded > 0 AND CAST(spec ->> 'window_s' AS integer) = :window_s
    ), assets AS (
        SELECT min(asset) AS asset FROM etl.slice WHERE loaded_at IS NOT NULL
        UNION ALL
        SELECT (SELECT min(asset) FROM etl.slice WHERE loaded_at IS NOT NULL AND asset > a.asset)
        FROM assets a WHERE asset IS NOT NULL
    ), signals AS (
        SELECT variable, statistic, asset FROM signal WHERE window_s = :window_s
    )
    SELECT ARRAY(SELECT unnest(variables) FROM jobs UNION SELECT variable FROM signals)
               AS variables,
           ARRAY(SELECT jsonb_array_elements_text(statistics) FROM jobs
                 UNION SELECT statistic FROM signals) AS statistics,
           ARRAY(SELECT asset FROM assets a WHERE EXISTS (
               SELECT FROM etl.slice s
               WHERE s.asset = a.asset AND s.loaded_at IS NOT NULL AND s.window_s = :window_s
           )) AS assets,
           ARRAY(SELECT DISTINCT asset FROM signals) AS target_assets,
           (SELECT max(start) FROM etl.slice
            WHERE loaded_at IS NOT NULL AND window_s = :window_s AND windows > 0) AS newest
""")


@dataclass(frozen=True, slots=True)
class LoadedNames:
    """What was ever loaded, and the series that the target has, whoever wrote them. `newest` is the
    start of the last slice that has windows.
    """

    variables: frozenset[str]
    statistics: frozenset[str]
    assets: frozenset[str]
    target_assets: frozenset[str]
    newest: datetime | None


def loaded_names(engine: Engine, window_s: int) -> LoadedNames:
    """What was loaded with windows of this length. Raises `Unavailable`."""
    with postgres_errors(), engine.connect() as connection:
        row = connection.execute(_NAMES, {"window_s": window_s}).one()
    return LoadedNames(
        frozenset(row.variables), frozenset(row.statistics), frozenset(row.assets),
        frozenset(row.target_assets), row.newest,
    )  # fmt: skip
