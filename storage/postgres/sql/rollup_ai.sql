-- statistics: AI interactions by group and time bucket, from rollups and from rows; the key has a text for each dimension, empty for
-- those not asked for. A predicate that was not given is folded away before the statement is planned
WITH parts AS (
    SELECT t.* FROM unnest(%(days)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.bucket, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts FROM relayscope.ai_usage_1d AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    UNION ALL
    SELECT t.* FROM unnest(%(hours)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.bucket, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts FROM relayscope.ai_usage_1h AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    UNION ALL
    SELECT t.* FROM unnest(%(minutes)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.bucket, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts FROM relayscope.ai_usage_1m AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r) OFFSET 0) AS t
    UNION ALL
    SELECT t.bucket, {usage_key}, {usage_sums}, latencies, counts, first_latencies, first_counts
    FROM unnest(%(rows)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT {usage_of} FROM relayscope.ai_interactions AS i {usage_told}
        WHERE i.workspace_id = %(workspace_id)s AND i.start_time >= lower(r) AND i.start_time < upper(r) OFFSET 0) AS t
), keyed AS (
    SELECT ARRAY[CASE WHEN 'provider' = ANY(%(by)s) THEN p.provider ELSE '' END,
                 CASE WHEN 'model' = ANY(%(by)s) THEN p.model ELSE '' END,
                 CASE WHEN 'family' = ANY(%(by)s) THEN coalesce(p.model_family, '') ELSE '' END,
                 CASE WHEN 'operation' = ANY(%(by)s) THEN p.operation ELSE '' END,
                 '', '',
                 CASE WHEN 'agent' = ANY(%(by)s) THEN coalesce(p.agent, '') ELSE '' END,
                 CASE WHEN 'service' = ANY(%(by)s) THEN p.service_name ELSE '' END] COLLATE "C" AS key,
           CASE WHEN %(length)s::interval IS NULL THEN timestamptz 'epoch'
                ELSE date_bin(%(length)s, p.bucket, timestamptz 'epoch') END AS place, p.*
    FROM parts AS p
    WHERE (%(operations)s::text[] IS NULL OR p.operation = ANY(%(operations)s))
      AND (%(provider)s::text IS NULL OR p.provider = %(provider)s)
      AND (%(model)s::text IS NULL OR p.model = %(model)s OR p.model_requested = %(model)s)
      AND (%(agent)s::text IS NULL OR p.agent = %(agent)s)
      AND (%(service)s::text IS NULL OR p.service_name = %(service)s)
      AND (%(status)s::text IS NULL OR p.status = %(status)s)
), placed AS MATERIALIZED (
    SELECT k.*, dense_rank() OVER (ORDER BY k.place, k.key) AS number FROM keyed AS k
), cells AS MATERIALIZED ({cells_of_usage}), sums AS (
    SELECT number, place, key, {usage_added},
           coalesce(sum(calls) FILTER (WHERE status <> 'success'), 0)::bigint AS errors,
           coalesce(sum(calls) FILTER (WHERE status = 'timeout'), 0)::bigint AS timeouts
    FROM placed GROUP BY number, place, key
    ORDER BY place, calls DESC, key
    LIMIT %(limit)s
), costs AS (
    SELECT c.number, jsonb_object_agg(c.currency, c.pico::text) AS costs
    FROM (SELECT p.number, p.currency, sum(p.cost_pico) AS pico FROM placed AS p WHERE p.currency IS NOT NULL GROUP BY 1, 2) AS c
    GROUP BY c.number
)
SELECT s.key, s.place AS bucket, s.calls, s.errors, s.timeouts, s.streaming, s.priced, s.is_estimated,
       s.input_tokens AS input, s.cache_read_tokens AS cache_read, s.cache_write_tokens AS cache_write,
       s.cache_write_5m_tokens AS cache_write_5m, s.cache_write_1h_tokens AS cache_write_1h, s.audio_input_tokens AS audio_input,
       s.output_tokens AS output, s.reasoning_tokens AS reasoning, s.audio_output_tokens AS audio_output,
       (s.written * 1e9 / s.writing_ns)::float8 AS tokens_per_second, c.costs,
       a.latencies, a.counts, b.latencies AS first_latencies, b.counts AS first_counts
FROM sums AS s
JOIN cells AS a ON a.number = s.number AND NOT a.is_first
LEFT JOIN cells AS b ON b.number = s.number AND b.is_first
LEFT JOIN costs AS c ON c.number = s.number
ORDER BY s.place, s.calls DESC, s.key;
