-- status: what waits to be rolled up, counted up to a limit, for how long, and where it lies
SELECT (SELECT count(*) FROM (
            SELECT DISTINCT workspace_id, signal, start, minutes FROM (
                SELECT workspace_id, signal, start, minutes FROM relayscope.rollup_arrivals LIMIT %(limit)s) AS first_ones) AS counted) AS dirty,
       (SELECT count(*) FROM relayscope.rollup_stale) AS stale,
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(arrived_at)), 0)::float8 FROM relayscope.rollup_arrivals) AS lag_s,
       (SELECT min(start) FROM relayscope.rollup_arrivals) AS oldest,
       (SELECT max(start + minutes * interval '1 minute') FROM relayscope.rollup_arrivals) AS newest;

-- rebuild: marks the days of a time of which anything is stored or rolled up, as if they had waited for a while; how many
WITH days AS (
    SELECT DISTINCT signal, day FROM (
        SELECT p.signal, generate_series(
            date_bin('1 day', greatest(p.from_time, %(start)s), timestamptz 'epoch'),
            least(p.to_time, %(end)s) - interval '1 microsecond', interval '24 hours') AS day
        FROM relayscope.partitions AS p
        WHERE p.signal IN ('spans', 'ai_interactions') AND isfinite(p.from_time) AND isfinite(p.to_time)
        UNION ALL SELECT 'spans', date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.spans_past
        UNION ALL SELECT 'spans', date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.spans_default
        UNION ALL SELECT 'spans', date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.spans_future
        UNION ALL SELECT 'ai_interactions', date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.ai_interactions_past
        UNION ALL SELECT 'ai_interactions', date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.ai_interactions_default
        UNION ALL SELECT 'ai_interactions', date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.ai_interactions_future
        UNION ALL SELECT 'spans', date_bin('1 day', bucket, timestamptz 'epoch') FROM relayscope.span_metrics_1h
        UNION ALL SELECT 'ai_interactions', date_bin('1 day', bucket, timestamptz 'epoch') FROM relayscope.ai_usage_1h
    ) AS known
    WHERE day + interval '24 hours' > %(start)s AND day < %(end)s
), marked AS (
    INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes, arrived_at)
    SELECT w.workspace_id, d.signal, d.day, 1440, clock_timestamp() - interval '1 minute'
    FROM (SELECT DISTINCT workspace_id FROM relayscope.resources) AS w CROSS JOIN days AS d
    RETURNING 1
)
SELECT count(*) AS days FROM marked;
