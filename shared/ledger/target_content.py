"""The contents of slices in the target: `shared.domain.content_hash`, computed in SQL."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from shared.domain.content_hash import NOT_ZERO, Series, combine, seed_of
from shared.domain.time_range import TimeRange

_EPOCH = "date_part('epoch', timestamp)"
_HALF = f"CAST({NOT_ZERO} AS double precision)"
# LATERAL makes PostgreSQL read each time range by the primary keys, also before the first ANALYZE.
_CONTENTS = text(f"""
    WITH w AS (
        SELECT * FROM unnest(
            CAST(:assets AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
        ) WITH ORDINALITY AS w(asset, start, "end", n)
    ), c AS (
        SELECT * FROM unnest(
            CAST(:variables AS text[]), CAST(:statistics AS text[]), CAST(:seeds AS bigint[])
        ) WITH ORDINALITY AS c(variable, statistic, seed, m)
    )
    SELECT n, m, hashes FROM (
        SELECT w.n, c.m, d.hashes FROM w CROSS JOIN c
        JOIN signal s ON s.asset = w.asset AND s.variable = c.variable
        AND s.statistic = c.statistic AND s.window_s = :window_s
        CROSS JOIN LATERAL (
            SELECT sum(hashfloat8extended(value, hashfloat8extended({_EPOCH}, c.seed))) AS hashes
            FROM data WHERE signal_id = s.id AND timestamp >= w.start AND timestamp < w."end"
        ) d
        UNION ALL
        SELECT w.n, c.m, q.hashes FROM w CROSS JOIN c
        CROSS JOIN LATERAL (
            SELECT sum(hashfloat8extended(
                flags + {_HALF}, hashfloat8extended(
                    expected + {_HALF}, hashfloat8extended(
                        count + {_HALF}, hashfloat8extended({_EPOCH}, c.seed)
            )))) AS hashes
            FROM quality WHERE asset = w.asset AND variable = c.variable AND window_s = :window_s
            AND timestamp >= w.start AND timestamp < w."end"
        ) q
        WHERE c.statistic IS NULL
    ) AS of_series WHERE hashes IS NOT NULL
""")  # noqa: S608 - our own text


def contents(
    connection: Connection,
    spans: Sequence[tuple[str, TimeRange]],
    series: Sequence[Series],
    *,
    window_s: int,
) -> list[list[int]]:
    """The contents that the target has now for each asset and time range: one of each series, 0
    where there are no rows.
    """
    result = [[0] * len(series) for _ in spans]
    rows = connection.execute(_CONTENTS, {
        "assets": [asset for asset, _ in spans],
        "starts": [time_range.start for _, time_range in spans],
        "ends": [time_range.end for _, time_range in spans],
        "variables": [variable for variable, _ in series],
        "statistics": [statistic for _, statistic in series],
        "seeds": [seed_of(*one) for one in series],
        "window_s": window_s,
    })  # fmt: skip
    for n, m, hashes in rows:
        result[n - 1][m - 1] = combine([int(hashes)])
    return result
