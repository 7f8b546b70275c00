-- snapshot: what a question begins with: all of it is answered from one moment, and no rows move to a partition that is being made.
-- Spans are found by indexes, and what was found is joined whole: nothing is known of a partition before it is analysed
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
LOCK TABLE relayscope.spans_default, relayscope.ai_interactions_default IN ACCESS SHARE MODE;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_sort = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off;

-- coverage: which parts of a window are read from rollups of days, hours and minutes, and which from rows; and which minutes, hours and
-- days around it are not rolled up as they are. Multiranges, as text
WITH given AS (
    SELECT %(start)s::timestamptz AS start, %(end)s::timestamptz AS "end"
), dirty AS (
    SELECT coalesce(range_agg(tstzrange(a.start, a.start + a.minutes * interval '1 minute')), '{}') AS times
    FROM relayscope.rollup_arrivals AS a, given AS g
    WHERE a.workspace_id = %(workspace_id)s AND a.signal = %(signal)s
      AND a.start > g.start - interval '72 hours' AND a.start < g."end" + interval '48 hours'
), stale AS (
    SELECT t.minutes, t.bucket FROM relayscope.rollup_stale AS t, given AS g
    WHERE t.workspace_id = %(workspace_id)s AND t.signal = %(signal)s
      AND t.bucket > g.start - interval '72 hours' AND t.bucket < g."end" + interval '48 hours'
), unclean_hours AS (
    SELECT coalesce(range_agg(part.one), '{}') AS times FROM (
        SELECT tstzrange(date_bin('1 hour', lower(one), timestamptz 'epoch'),
                         date_bin('1 hour', upper(one) + interval '1 hour' - interval '1 microsecond', timestamptz 'epoch')) AS one
        FROM dirty, unnest(dirty.times) AS one
        UNION ALL SELECT tstzrange(bucket, bucket + interval '1 hour') FROM stale WHERE minutes = 60) AS part
), unclean_days AS (
    SELECT coalesce(range_agg(part.one), '{}') AS times FROM (
        SELECT tstzrange(date_bin('1 day', lower(one), timestamptz 'epoch'),
                         date_bin('1 day', upper(one) + interval '24 hours' - interval '1 microsecond', timestamptz 'epoch')) AS one
        FROM unclean_hours AS u, unnest(u.times) AS one
        UNION ALL SELECT tstzrange(bucket, bucket + interval '24 hours') FROM stale WHERE minutes = 1440) AS part
), whole AS (
    SELECT level.minutes, CASE WHEN bound.first < bound.last THEN tstzmultirange(tstzrange(bound.first, bound.last)) ELSE '{}' END AS times
    FROM given AS g CROSS JOIN (VALUES (1), (60), (1440)) AS level (minutes)
    CROSS JOIN LATERAL (
        SELECT date_bin(level.minutes * interval '1 minute',
                        g.start + level.minutes * interval '1 minute' - interval '1 microsecond', timestamptz 'epoch') AS first,
               date_bin(level.minutes * interval '1 minute', g."end", timestamptz 'epoch') AS last) AS bound
    WHERE level.minutes <= %(coarsest)s
), days AS (
    SELECT coalesce((SELECT w.times FROM whole AS w WHERE w.minutes = 1440), '{}') - u.times AS times FROM unclean_days AS u
), hours AS (
    SELECT coalesce((SELECT w.times FROM whole AS w WHERE w.minutes = 60), '{}') - u.times - d.times AS times
    FROM unclean_hours AS u, days AS d
), minutes AS (
    SELECT coalesce((SELECT w.times FROM whole AS w WHERE w.minutes = 1), '{}') - u.times - d.times - h.times AS times
    FROM dirty AS u, days AS d, hours AS h
)
SELECT d.times::text AS days, h.times::text AS hours, m.times::text AS minutes,
       (tstzmultirange(tstzrange(g.start, greatest(g."end", g.start))) - d.times - h.times - m.times)::text AS rows,
       dirty.times::text AS dirty, uh.times::text AS unclean_hours, ud.times::text AS unclean_days
FROM given AS g, days AS d, hours AS h, minutes AS m, dirty, unclean_hours AS uh, unclean_days AS ud;

-- services: spans of a window by service, with their latencies
WITH parts AS (
    SELECT t.* FROM unnest(%(days)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.service_name, e.errors, e.latencies, e.counts FROM relayscope.span_metrics_1d AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.operation IS NULL AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    UNION ALL
    SELECT t.* FROM unnest(%(hours)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.service_name, e.errors, e.latencies, e.counts FROM relayscope.span_metrics_1h AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.operation IS NULL AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    UNION ALL
    SELECT t.* FROM unnest(%(minutes)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.service_name, e.errors, e.latencies, e.counts FROM relayscope.span_metrics_1m AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.operation IS NULL AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    UNION ALL
    SELECT c.service_name, sum(c.errors)::bigint, array_agg(c.latency), array_agg(c.calls::integer)
    FROM (
        SELECT t.service_name, t.latency, count(*) AS calls, count(*) FILTER (WHERE t.is_failed) AS errors
        FROM unnest(%(rows)s::tstzmultirange) AS r CROSS JOIN LATERAL (
            SELECT s.service_name, {latency} AS latency, s.status_code = 2 AS is_failed FROM relayscope.spans AS s
            WHERE s.workspace_id = %(workspace_id)s AND s.start_time >= lower(r) AND s.start_time < upper(r) OFFSET 0) AS t
        GROUP BY t.service_name, t.latency
    ) AS c
    GROUP BY c.service_name
), numbered AS MATERIALIZED (
    SELECT p.*, dense_rank() OVER (ORDER BY p.service_name COLLATE "C") AS number FROM parts AS p WHERE p.service_name <> ''
), merged AS (
    SELECT c.number, array_agg(c.latency ORDER BY c.latency) AS latencies, array_agg(c.calls ORDER BY c.latency) AS counts
    FROM (SELECT n.number, cell.latency, sum(cell.calls) AS calls
          FROM numbered AS n CROSS JOIN LATERAL unnest(n.latencies, n.counts) AS cell (latency, calls)
          GROUP BY n.number, cell.latency) AS c
    GROUP BY c.number
)
SELECT n.service_name, n.errors, m.latencies, m.counts
FROM (SELECT number, service_name, sum(errors)::bigint AS errors FROM numbered GROUP BY number, service_name) AS n
JOIN merged AS m USING (number)
ORDER BY n.number;

-- edges: calls of a window by what they are and between whom. A rolled call counts when a bucket of its witnesses is rolled up as it is:
-- then the witness is there still. Where none is, it is looked for in the next finer rows, and at last among the spans
WITH by_day AS MATERIALIZED (
    SELECT t.*, ({witness_in_day}) AS is_valid FROM unnest(%(days)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.* FROM relayscope.service_edges_1d AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
), by_hour AS MATERIALIZED (
    SELECT t.*, ({witness_in_hour}) AS is_valid
    FROM unnest(%(hours)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.* FROM relayscope.service_edges_1h AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    UNION ALL
    SELECT t.*, ({witness_in_hour})
    FROM (SELECT DISTINCT bucket FROM by_day WHERE NOT is_valid) AS b CROSS JOIN LATERAL (
        SELECT e.* FROM relayscope.service_edges_1h AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= b.bucket AND e.bucket < b.bucket + interval '24 hours' OFFSET 0) AS t
    WHERE NOT ({witness_in_day})
), by_minute AS (
    SELECT t.* FROM unnest(%(minutes)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.* FROM relayscope.service_edges_1m AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    WHERE {witness_in_minute}
    UNION ALL
    SELECT t.*
    FROM (SELECT DISTINCT bucket FROM by_hour WHERE NOT is_valid) AS b CROSS JOIN LATERAL (
        SELECT e.* FROM relayscope.service_edges_1m AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= b.bucket AND e.bucket < b.bucket + interval '1 hour' OFFSET 0) AS t
    WHERE ({witness_in_minute}) AND NOT ({witness_in_hour})
), rolled AS (
    SELECT relation, source, target, system, errors, latencies, counts FROM by_day WHERE is_valid
    UNION ALL SELECT relation, source, target, system, errors, latencies, counts FROM by_hour WHERE is_valid
    UNION ALL SELECT relation, source, target, system, errors, latencies, counts FROM by_minute
), direct AS MATERIALIZED (
    SELECT DISTINCT t.trace_id, t.links
    FROM unnest(%(rows)s::tstzmultirange + %(dirty)s::tstzmultirange
                * tstzmultirange(tstzrange(%(start)s::timestamptz - interval '24 hours', %(end)s::timestamptz + interval '24 hours'))) AS r
    CROSS JOIN LATERAL (
        SELECT s.trace_id, CASE WHEN s.kind = 5 THEN s.links END AS links FROM relayscope.spans AS s
        WHERE s.workspace_id = %(workspace_id)s AND s.start_time >= lower(r) AND s.start_time < upper(r) OFFSET 0) AS t
), changed AS MATERIALIZED ({related}), touched AS MATERIALIZED (
    SELECT row_number() OVER () AS number, t.*, t.minute <@ %(dirty)s::tstzmultirange AS is_wanted
    FROM changed AS c CROSS JOIN LATERAL (
        SELECT {measured}, count(*) OVER (PARTITION BY s.span_id) = 1 AS is_alone FROM relayscope.spans AS s
        {peer}
        WHERE s.workspace_id + 0 = %(workspace_id)s AND s.trace_id = c.trace_id
          AND s.start_time > %(start)s::timestamptz - interval '24 hours' AND s.start_time < %(end)s::timestamptz + interval '24 hours'
        OFFSET 0) AS t
), parts AS (
    SELECT relation, source, target, system, errors, latencies, counts FROM rolled
    UNION ALL
    SELECT c.relation, c.source, c.target, c.system, sum(c.errors)::bigint, array_agg(c.latency), array_agg(c.calls::integer)
    FROM (
        SELECT c.relation, c.source, c.target, c.system, c.latency, count(*) AS calls, count(*) FILTER (WHERE c.is_failed) AS errors
        FROM ({calls}) AS c
        WHERE c.start_time <@ %(rows)s::tstzmultirange
           OR c.only AND c.start_time >= %(start)s AND c.start_time < %(end)s
        GROUP BY c.relation, c.source, c.target, c.system, c.latency
    ) AS c
    GROUP BY c.relation, c.source, c.target, c.system
), numbered AS MATERIALIZED (
    -- Adding up by a number is several times faster than by four texts.
    SELECT p.*, dense_rank() OVER (ORDER BY relation COLLATE "C", source COLLATE "C", target COLLATE "C", system COLLATE "C") AS number
    FROM parts AS p
), merged AS (
    SELECT c.number, array_agg(c.latency ORDER BY c.latency) AS latencies, array_agg(c.calls ORDER BY c.latency) AS counts
    FROM (SELECT n.number, cell.latency, sum(cell.calls) AS calls
          FROM numbered AS n CROSS JOIN LATERAL unnest(n.latencies, n.counts) AS cell (latency, calls)
          GROUP BY n.number, cell.latency) AS c
    GROUP BY c.number
)
SELECT n.relation, n.source, n.target, n.system, n.errors, m.latencies, m.counts
FROM (SELECT number, relation, source, target, system, sum(errors)::bigint AS errors FROM numbered
      GROUP BY number, relation, source, target, system) AS n
JOIN merged AS m USING (number)
ORDER BY n.number;
