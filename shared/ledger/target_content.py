"""The content of slices in the target: `shared.domain.content_hash`, computed in SQL."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from shared.domain.content_hash import NOT_ZERO, seed_of
from shared.domain.fingerprint import to_text
from shared.domain.slices import Identity, Slice

_EPOCH = "date_part('epoch', timestamp)"
_HALF = f"CAST({NOT_ZERO} AS double precision)"
# LATERAL makes PostgreSQL read each slice by the primary keys, also before the first ANALYZE.
_CONTENTS = text(f"""
    WITH w AS (
        SELECT * FROM unnest(
            CAST(:assets AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
        ) WITH ORDINALITY AS w(asset, start, "end", n)
    )
    SELECT n, sum(hashes) FROM (
        SELECT w.n, d.hashes FROM w
        CROSS JOIN unnest(
            CAST(:variables AS text[]), CAST(:statistics AS text[]), CAST(:seeds AS bigint[])
        ) AS c(variable, statistic, seed)
        JOIN signal s ON s.asset = w.asset AND s.variable = c.variable
        AND s.statistic = c.statistic AND s.window_s = :window_s
        CROSS JOIN LATERAL (
            SELECT sum(hashfloat8extended(value, hashfloat8extended({_EPOCH}, c.seed))) AS hashes
            FROM data WHERE signal_id = s.id AND timestamp >= w.start AND timestamp < w."end"
        ) d
        UNION ALL
        SELECT w.n, q.hashes FROM w
        CROSS JOIN unnest(
            CAST(:quality_variables AS text[]), CAST(:quality_seeds AS bigint[])
        ) AS c(variable, seed)
        CROSS JOIN LATERAL (
            SELECT sum(hashfloat8extended(
                flags + {_HALF}, hashfloat8extended(
                    expected + {_HALF}, hashfloat8extended(
                        count + {_HALF}, hashfloat8extended({_EPOCH}, c.seed)
            )))) AS hashes
            FROM quality WHERE asset = w.asset AND variable = c.variable AND window_s = :window_s
            AND timestamp >= w.start AND timestamp < w."end"
        ) q
    ) AS row_hashes GROUP BY n
""")  # noqa: S608 - our own text


def contents(connection: Connection, slices: Sequence[Slice]) -> dict[Identity, str]:
    """The content of each slice as the target has it now. The slices have the same variables and
    the same specification.
    """
    if not slices:
        return {}
    variables, spec = slices[0].variables, slices[0].spec
    signals = [(variable, statistic) for variable in variables for statistic in spec.statistics]
    rows = connection.execute(_CONTENTS, {
        "assets": [slice_.asset for slice_ in slices],
        "starts": [slice_.start for slice_ in slices],
        "ends": [slice_.end for slice_ in slices],
        "variables": [variable for variable, _ in signals],
        "statistics": [statistic for _, statistic in signals],
        "seeds": [seed_of(*signal) for signal in signals],
        "quality_variables": list(variables),
        "quality_seeds": [seed_of(variable, None) for variable in variables],
        "window_s": spec.window_s,
    })  # fmt: skip
    sums = {n: int(total or 0) for n, total in rows}
    return {slice_.identity: to_text(sums.get(n, 0)) for n, slice_ in enumerate(slices, start=1)}
