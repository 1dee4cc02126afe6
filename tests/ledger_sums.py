"""Which jobs have other sums in the ledger than a count of their slices gives."""

WRONG_SUMS = """
    SELECT j.* FROM etl.job j CROSS JOIN LATERAL (
        SELECT count(published_at) FILTER (WHERE loaded_at IS NULL) + count(loaded_at) AS published,
               count(loaded_at) AS loaded, count(*) FILTER (WHERE superseded) AS superseded,
               count(*) FILTER (WHERE unchanged) AS unchanged,
               coalesce(sum(rows), 0) AS rows, coalesce(sum(windows), 0) AS windows,
               coalesce(sum(present), 0) AS present, coalesce(sum(expected), 0) AS expected,
               coalesce(sum(extract_ms), 0) AS extract_ms,
               coalesce(sum(aggregate_ms), 0) AS aggregate_ms, coalesce(sum(load_ms), 0) AS load_ms
        FROM etl.slice WHERE job_id = j.id
    ) s
    WHERE (j.published, j.loaded, j.superseded, j.unchanged,
           j.rows, j.windows, j.present, j.expected)
        <> (s.published, s.loaded, s.superseded, s.unchanged,
            s.rows, s.windows, s.present, s.expected)
    OR abs(j.extract_ms - s.extract_ms) > 1e-6 * (1 + s.extract_ms)
    OR abs(j.aggregate_ms - s.aggregate_ms) > 1e-6 * (1 + s.aggregate_ms)
    OR abs(j.load_ms - s.load_ms) > 1e-6 * (1 + s.load_ms)
    OR (j.progressed_at IS NULL) <> (s.published = 0)
    OR (j.done_at IS NULL) = coalesce(j.loaded = j.slices_total, false)
"""
