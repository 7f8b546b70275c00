-- prepare: places for what one transaction works with
CREATE TEMPORARY TABLE IF NOT EXISTS touched (
    number bigint, trace_id bytea, span_id bytea, parent_span_id bytea, start_time timestamptz, minute timestamptz,
    duration_ns bigint, kind smallint, is_failed boolean, latency smallint, service_name text, is_named boolean, relation text, peer text, system text, links jsonb,
    name text, is_wanted boolean, is_alone boolean) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS found_edges (
    bucket timestamptz, witness timestamptz, calls bigint, errors bigint, workspace_id integer, relation text, source text, target text,
    system text, other_witnesses timestamptz[], latencies smallint[], counts integer[], is_wanted boolean) ON COMMIT DELETE ROWS;

-- alone: one transaction rolls up at a time, and no rows move to a partition that is being made. This comes first: LOCK TABLE takes no
-- snapshot, so what comes after it sees everything that those who held the locks have done
SET LOCAL lock_timeout = '5s';
LOCK TABLE relayscope.rollup_stale IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE relayscope.spans_default, relayscope.ai_interactions_default IN ACCESS SHARE MODE;

-- planning: spans are found by an index; partitions have no statistics until they are analysed
SELECT set_config('enable_seqscan', 'off', true) AS seqscan, set_config('jit', 'off', true) AS jit;

-- joining: what was found of them is joined whole
SELECT set_config('enable_seqscan', 'on', true) AS seqscan, set_config('enable_nestloop', 'off', true) AS nestloop,
       set_config('enable_sort', 'off', true) AS sort, set_config('enable_mergejoin', 'off', true) AS mergejoin;

-- next: times that were left alone for a while, the newest or those that have waited longest first; with the time since they were marked
SELECT a.workspace_id, a.signal, a.start, a.minutes, count(*) AS marks,
       extract(epoch FROM clock_timestamp() - min(a.arrived_at))::float8 AS age_s
FROM relayscope.rollup_arrivals AS a
GROUP BY a.workspace_id, a.signal, a.start, a.minutes
HAVING max(a.arrived_at) <= clock_timestamp() - %(quiet_s)s * interval '1 second'
ORDER BY CASE WHEN %(oldest)s THEN min(a.arrived_at) END, a.start DESC
LIMIT %(limit)s;

-- split: puts shorter marks in the place of those of a time
WITH gone AS (
    DELETE FROM relayscope.rollup_arrivals
    WHERE workspace_id = %(workspace_id)s AND signal = %(signal)s AND start = %(start)s AND minutes = %(minutes)s
    RETURNING arrived_at
)
INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes, arrived_at)
SELECT %(workspace_id)s, %(signal)s, part, %(part)s, (SELECT min(arrived_at) FROM gone)
FROM generate_series(%(start)s, %(start)s::timestamptz + (%(minutes)s - 1) * interval '1 minute', %(part)s * interval '1 minute') AS part
WHERE EXISTS (SELECT FROM gone);

-- measure: how many spans start in a time, counted up to a limit
SELECT count(*) FROM (
    SELECT FROM relayscope.spans
    WHERE workspace_id = %(workspace_id)s AND start_time >= %(start)s AND start_time < %(end)s LIMIT %(limit)s) AS counted;

-- measure_interactions: the same of AI interactions
SELECT count(*) FROM (
    SELECT FROM relayscope.ai_interactions
    WHERE workspace_id = %(workspace_id)s AND start_time >= %(start)s AND start_time < %(end)s LIMIT %(limit)s) AS counted;

-- take: removes the marks of a time that were left alone for a while; those that are younger, or longer than it, stay
DELETE FROM relayscope.rollup_arrivals
WHERE workspace_id = %(workspace_id)s AND signal = %(signal)s AND start >= %(start)s AND start < %(end)s
  AND start + minutes * interval '1 minute' <= %(end)s
  AND arrived_at <= clock_timestamp() - %(quiet_s)s * interval '1 second';

-- touch: all spans near a time of the traces that have one in it; whether one is alone with its ids is for joining
WITH direct AS MATERIALIZED (
    SELECT DISTINCT trace_id, CASE WHEN kind = 5 THEN links END AS links FROM relayscope.spans
    WHERE workspace_id = %(workspace_id)s AND start_time >= %(start)s AND start_time < %(end)s
), wanted AS MATERIALIZED ({related})
INSERT INTO touched
SELECT row_number() OVER (), m.* FROM wanted AS w
CROSS JOIN LATERAL (
    SELECT {measured}, CASE WHEN s.start_time >= %(start)s AND s.start_time < %(end)s THEN s.name END,
           s.start_time >= %(start)s AND s.start_time < %(end)s, count(*) OVER (PARTITION BY s.span_id) = 1
    FROM relayscope.spans AS s
    {peer}
    WHERE s.workspace_id + 0 = %(workspace_id)s AND s.trace_id = w.trace_id
      AND s.start_time > %(start)s::timestamptz - interval '48 hours' AND s.start_time < %(end)s::timestamptz + interval '48 hours'
    OFFSET 0) AS m;

-- remove_metrics: what was rolled up of a time
DELETE FROM relayscope.span_metrics_1m WHERE workspace_id = %(workspace_id)s AND bucket >= %(start)s AND bucket < %(end)s;

-- add_metrics: by operation, and by service
WITH counted AS MATERIALIZED (
    SELECT minute, service_name, name, kind, latency, count(*) AS calls, count(*) FILTER (WHERE is_failed) AS errors,
           sum(duration_ns) AS duration_ns
    FROM touched WHERE is_wanted
    GROUP BY minute, service_name, name, kind, latency
)
INSERT INTO relayscope.span_metrics_1m
    (bucket, calls, errors, workspace_id, kind, service_name, operation, duration_ns, latencies, counts)
SELECT minute, sum(calls)::bigint, sum(errors)::bigint, %(workspace_id)s, kind, service_name, name, sum(duration_ns),
       array_agg(latency ORDER BY latency), array_agg(calls::integer ORDER BY latency)
FROM counted GROUP BY minute, service_name, name, kind
UNION ALL
SELECT minute, sum(calls)::bigint, sum(errors)::bigint, %(workspace_id)s, NULL, service_name, NULL, sum(duration_ns),
       array_agg(latency ORDER BY latency), array_agg(calls::integer ORDER BY latency)
FROM (SELECT minute, service_name, latency, sum(calls) AS calls, sum(errors) AS errors, sum(duration_ns) AS duration_ns
      FROM counted GROUP BY minute, service_name, latency) AS whole
GROUP BY minute, service_name;

-- find_edges: calls that are counted in a time, and those that have a witness in it
INSERT INTO found_edges
SELECT minute, witness, sum(calls)::bigint, sum(errors)::bigint, %(workspace_id)s, relation, source, target, system, other_witnesses,
       array_agg(latency ORDER BY latency), array_agg(calls::integer ORDER BY latency), is_wanted
FROM (
    SELECT c.minute, c.witness, c.other_witnesses, c.relation, c.source, c.target, c.system, c.latency,
           c.minute >= %(start)s AND c.minute < %(end)s AS is_wanted,
           count(*) AS calls, count(*) FILTER (WHERE c.is_failed) AS errors
    FROM ({calls}) AS c
    WHERE c.touches OR c.minute >= %(start)s AND c.minute < %(end)s
    GROUP BY c.minute, c.witness, c.other_witnesses, c.relation, c.source, c.target, c.system, c.latency
) AS counted
GROUP BY minute, witness, other_witnesses, relation, source, target, system, is_wanted;

-- remove_edges: what was rolled up of a time, and what other times have with a witness in it alone; gives those other times
WITH gone AS (
    DELETE FROM relayscope.service_edges_1m
    WHERE workspace_id = %(workspace_id)s AND bucket >= %(start)s AND bucket < %(end)s
), elsewhere AS (
    DELETE FROM relayscope.service_edges_1m
    WHERE workspace_id = %(workspace_id)s AND witness >= %(start)s AND witness < %(end)s AND witness <> bucket
      AND other_witnesses IS NULL AND NOT (bucket >= %(start)s AND bucket < %(end)s)
    RETURNING bucket
)
SELECT DISTINCT bucket FROM elsewhere;

-- add_edges: those of the time, and those of other times with a witness in it alone; gives those other times
WITH added AS (
    INSERT INTO relayscope.service_edges_1m
        (bucket, witness, calls, errors, workspace_id, relation, source, target, system, other_witnesses, latencies, counts)
    SELECT bucket, witness, calls, errors, workspace_id, relation, source, target, system, other_witnesses, latencies, counts
    FROM found_edges WHERE is_wanted OR other_witnesses IS NULL
    RETURNING bucket
)
SELECT DISTINCT bucket FROM added WHERE NOT (bucket >= %(start)s AND bucket < %(end)s);

-- remove_links: which traces the consumers of a time link to
DELETE FROM relayscope.span_links WHERE workspace_id = %(workspace_id)s AND bucket >= %(start)s AND bucket < %(end)s;

-- add_links: the same as it is now
INSERT INTO relayscope.span_links (workspace_id, bucket, trace_id, consumer_trace_id)
SELECT DISTINCT %(workspace_id)s, t.minute, decode(link ->> 'traceId', 'hex'), t.trace_id
FROM touched AS t CROSS JOIN LATERAL jsonb_array_elements(t.links) AS link
WHERE t.is_wanted AND t.is_named AND t.links IS NOT NULL;

-- mark_mixed: marks other times whose calls have witnesses in several minutes, one of which is in the time, where they are not
-- rolled up as they are now. Rare, and too entangled to be mended here
WITH stored AS (
    SELECT bucket, witness, calls, errors, relation, source, target, system, other_witnesses, latencies, counts
    FROM relayscope.service_edges_1m
    WHERE workspace_id = %(workspace_id)s AND other_witnesses IS NOT NULL
      AND bucket > %(start)s::timestamptz - interval '25 hours' AND bucket < %(end)s::timestamptz + interval '25 hours'
      AND NOT (bucket >= %(start)s AND bucket < %(end)s)
      AND EXISTS (SELECT FROM unnest(witness || other_witnesses) AS one WHERE one >= %(start)s AND one < %(end)s)
), found AS (
    SELECT bucket, witness, calls, errors, relation, source, target, system, other_witnesses, latencies, counts
    FROM found_edges WHERE NOT is_wanted AND other_witnesses IS NOT NULL
), different AS (
    (SELECT * FROM stored EXCEPT ALL SELECT * FROM found) UNION ALL (SELECT * FROM found EXCEPT ALL SELECT * FROM stored)
)
INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
SELECT DISTINCT %(workspace_id)s, 'spans', bucket, 1 FROM different;

-- outdate: the hours and the days of some minutes are to be made anew
INSERT INTO relayscope.rollup_stale (workspace_id, signal, minutes, bucket)
SELECT DISTINCT %(workspace_id)s, %(signal)s, level.minutes, date_bin(level.minutes * interval '1 minute', one, timestamptz 'epoch')
FROM unnest(%(minutes)s::timestamptz[]) AS one CROSS JOIN (VALUES (60), (1440)) AS level (minutes)
ON CONFLICT DO NOTHING;

-- outdate_range: the same of all minutes of a time
INSERT INTO relayscope.rollup_stale (workspace_id, signal, minutes, bucket)
SELECT %(workspace_id)s, %(signal)s, level.minutes, bucket
FROM (VALUES (60), (1440)) AS level (minutes)
CROSS JOIN LATERAL generate_series(
    date_bin(level.minutes * interval '1 minute', %(start)s, timestamptz 'epoch'), %(end)s::timestamptz - interval '1 microsecond',
    level.minutes * interval '1 minute') AS bucket
ON CONFLICT DO NOTHING;

-- outdate_day: the day of an hour is to be made anew
INSERT INTO relayscope.rollup_stale (workspace_id, signal, minutes, bucket)
VALUES (%(workspace_id)s, %(signal)s, 1440, date_bin('1 day', %(start)s, timestamptz 'epoch'))
ON CONFLICT DO NOTHING;

-- ripe: hours and days that are over, and of which everything below is rolled up
SELECT t.workspace_id, t.signal, t.minutes, t.bucket
FROM relayscope.rollup_stale AS t
WHERE t.bucket + t.minutes * interval '1 minute' <= now()
  AND NOT EXISTS (
      SELECT FROM relayscope.rollup_arrivals AS a
      WHERE a.workspace_id = t.workspace_id AND a.signal = t.signal AND a.start > t.bucket - interval '24 hours'
        AND a.start < t.bucket + t.minutes * interval '1 minute'
        AND a.start + a.minutes * interval '1 minute' > t.bucket)
  AND NOT (t.minutes = 1440 AND EXISTS (
      SELECT FROM relayscope.rollup_stale AS h
      WHERE h.workspace_id = t.workspace_id AND h.signal = t.signal AND h.minutes = 60
        AND h.bucket >= t.bucket AND h.bucket < t.bucket + interval '24 hours'))
ORDER BY t.minutes, t.bucket DESC LIMIT %(limit)s;

-- refresh: an hour or a day is about to be made anew
DELETE FROM relayscope.rollup_stale
WHERE workspace_id = %(workspace_id)s AND signal = %(signal)s AND minutes = %(minutes)s AND bucket = %(start)s;

-- remove_coarse: what is rolled up of an hour or a day
DELETE FROM relayscope.{coarse} WHERE workspace_id = %(workspace_id)s AND bucket = %(start)s;

-- merge_metrics: makes it of what is below; what belongs to a whole row is taken from its first bucket
INSERT INTO relayscope.{coarse}
    (bucket, calls, errors, workspace_id, kind, service_name, operation, duration_ns, latencies, counts)
SELECT %(start)s, sum(calls)::bigint, sum(errors)::bigint, %(workspace_id)s, kind, service_name, operation, sum(duration_ns),
       array_agg(latency ORDER BY latency), array_agg(calls::integer ORDER BY latency)
FROM (
    SELECT f.service_name, f.operation, f.kind, cell.latency, sum(cell.calls) AS calls,
           coalesce(sum(f.errors) FILTER (WHERE cell.place = 1), 0) AS errors,
           coalesce(sum(f.duration_ns) FILTER (WHERE cell.place = 1), 0) AS duration_ns
    FROM relayscope.{fine} AS f CROSS JOIN LATERAL unnest(f.latencies, f.counts) WITH ORDINALITY AS cell (latency, calls, place)
    WHERE f.workspace_id = %(workspace_id)s AND f.bucket >= %(start)s AND f.bucket < %(end)s
    GROUP BY f.service_name, f.operation, f.kind, cell.latency
) AS cells
GROUP BY service_name, operation, kind;

-- merge_edges: the same; witnesses become hours or days
INSERT INTO relayscope.{coarse}
    (bucket, witness, calls, errors, workspace_id, relation, source, target, system, other_witnesses, latencies, counts)
SELECT %(start)s, witnesses[1], sum(calls)::bigint, sum(errors)::bigint, %(workspace_id)s, relation, source, target, system,
       CASE WHEN cardinality(witnesses) > 1 THEN witnesses[2:] END,
       array_agg(latency ORDER BY latency), array_agg(calls::integer ORDER BY latency)
FROM (
    SELECT f.relation, f.source, f.target, f.system, w.witnesses, cell.latency, sum(cell.calls) AS calls,
           coalesce(sum(f.errors) FILTER (WHERE cell.place = 1), 0) AS errors
    FROM relayscope.{fine} AS f
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT date_bin(%(minutes)s * interval '1 minute', one, timestamptz 'epoch')
                         ORDER BY date_bin(%(minutes)s * interval '1 minute', one, timestamptz 'epoch')) AS witnesses
        FROM unnest(f.witness || f.other_witnesses) AS one) AS w
    CROSS JOIN LATERAL unnest(f.latencies, f.counts) WITH ORDINALITY AS cell (latency, calls, place)
    WHERE f.workspace_id = %(workspace_id)s AND f.bucket >= %(start)s AND f.bucket < %(end)s
    GROUP BY f.relation, f.source, f.target, f.system, w.witnesses, cell.latency
) AS cells
GROUP BY relation, source, target, system, witnesses;

-- backlog: how many times wait, counted up to a limit, and for how long the one that has waited longest
SELECT (SELECT count(*) FROM (SELECT DISTINCT workspace_id, signal, start, minutes FROM (
            SELECT workspace_id, signal, start, minutes FROM relayscope.rollup_arrivals LIMIT %(limit)s) AS first_ones) AS counted) AS dirty,
       (SELECT count(*) FROM relayscope.rollup_stale) AS stale,
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(arrived_at)), 0)::float8 FROM relayscope.rollup_arrivals) AS lag_s;

-- mark: notes times; parallel arrays
INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
SELECT * FROM unnest(%(workspace_ids)s::integer[], %(signals)s::text[], %(starts)s::timestamptz[], %(minutes)s::integer[]);

-- remove_usage: what was rolled up of a time
DELETE FROM relayscope.ai_usage_1m WHERE workspace_id = %(workspace_id)s AND bucket >= %(start)s AND bucket < %(end)s;

-- add_usage: the AI interactions of a time
WITH told AS MATERIALIZED (
    SELECT {usage_of} FROM relayscope.ai_interactions AS i {usage_told}
    WHERE i.workspace_id = %(workspace_id)s AND i.start_time >= %(start)s AND i.start_time < %(end)s
), placed AS MATERIALIZED (
    SELECT date_bin('1 minute', bucket, timestamptz 'epoch') AS place, t.*,
           dense_rank() OVER (ORDER BY date_bin('1 minute', bucket, timestamptz 'epoch'), {usage_key}) AS number
    FROM told AS t
), {usage_merge}
INSERT INTO relayscope.ai_usage_1m
    (workspace_id, bucket, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts)
SELECT %(workspace_id)s, place, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts FROM merged;

-- merge_usage: makes an hour or a day of AI usage of what is below
WITH placed AS MATERIALIZED (
    SELECT %(start)s::timestamptz AS place, f.*, dense_rank() OVER (ORDER BY {usage_key}) AS number
    FROM relayscope.{fine} AS f
    WHERE f.workspace_id = %(workspace_id)s AND f.bucket >= %(start)s AND f.bucket < %(end)s
), {usage_merge}
INSERT INTO relayscope.{coarse}
    (workspace_id, bucket, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts)
SELECT %(workspace_id)s, place, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts FROM merged;
