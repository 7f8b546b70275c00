-- in_order: for a search that most matches satisfy: the newest are joined one by one until there are enough
SELECT set_config('enable_hashjoin', 'off', true) AS hashjoin, set_config('enable_mergejoin', 'off', true) AS mergejoin;

-- columns: what is read of an interaction; texts are cut
i.workspace_id, i.trace_id, i.span_id, i.start_time, i.start_time_ns, i.latency_ns, i.mapper_version, i.operation,
i.status, i.service_name, i.provider, i.model, i.convention, i.is_estimated, i.is_discrepant, i.is_streaming,
i.time_to_first_token_ns, i.input_tokens, i.cache_read_tokens, i.cache_write_tokens, i.cache_write_5m_tokens,
i.cache_write_1h_tokens, i.audio_input_tokens, i.output_tokens, i.reasoning_tokens, i.audio_output_tokens, i.cost_pico,
i.cost_source, i.currency, i.parent_span_id, i.model_requested, i.model_served, i.model_family, i.response_id,
i.request_id, i.user_id, i.session_id, i.organization_id, i.agent, i.finish_reason, i.error_class,
left(i.prompt, %(text_chars)s) AS prompt, left(i.response, %(text_chars)s) AS response, i.details

-- tokens: all buckets of an interaction together, null when nobody told of any
CASE WHEN num_nonnulls(i.input_tokens, i.cache_read_tokens, i.cache_write_tokens, i.audio_input_tokens,
                       i.output_tokens, i.reasoning_tokens, i.audio_output_tokens) > 0
     THEN coalesce(i.input_tokens, 0)::bigint + coalesce(i.cache_read_tokens, 0) + coalesce(i.cache_write_tokens, 0)
          + coalesce(i.audio_input_tokens, 0) + coalesce(i.output_tokens, 0) + coalesce(i.reasoning_tokens, 0)
          + coalesce(i.audio_output_tokens, 0) END

-- matches: the filter; a predicate that was not given is folded away before the statement is planned
i.workspace_id = %(workspace_id)s AND i.start_time >= %(start)s AND i.start_time <= %(end)s
AND (%(operations)s::text[] IS NULL OR i.operation = ANY(%(operations)s))
AND (%(provider)s::text IS NULL OR i.provider = %(provider)s)
AND (%(model)s::text IS NULL OR i.model = %(model)s OR i.model_requested = %(model)s)
AND (%(user)s::text IS NULL OR i.user_id = %(user)s)
AND (%(session)s::text IS NULL OR i.session_id = %(session)s)
AND (%(agent)s::text IS NULL OR i.agent = %(agent)s)
AND (%(organization)s::text IS NULL OR i.organization_id = %(organization)s)
AND (%(service)s::text IS NULL OR i.service_name = %(service)s)
AND (%(status)s::text IS NULL OR i.status = %(status)s)
AND (%(error_class)s::text IS NULL OR i.error_class = %(error_class)s)
AND (%(trace_id)s::bytea IS NULL OR i.trace_id = %(trace_id)s)
AND (%(min_cost_pico)s::bigint IS NULL OR i.cost_pico >= %(min_cost_pico)s)
AND (%(max_cost_pico)s::bigint IS NULL OR i.cost_pico <= %(max_cost_pico)s)
AND (%(min_latency_ns)s::bigint IS NULL OR i.latency_ns >= %(min_latency_ns)s)
AND (%(max_latency_ns)s::bigint IS NULL OR i.latency_ns <= %(max_latency_ns)s)
AND (%(min_tokens)s::bigint IS NULL OR {tokens} >= %(min_tokens)s)
AND (%(max_tokens)s::bigint IS NULL OR {tokens} <= %(max_tokens)s)

-- newest: interactions, newest first; after_start is for leaving out partitions
SELECT {columns}
FROM relayscope.ai_interactions AS i
WHERE {matches}
  AND (%(after_start)s::timestamptz IS NULL OR i.start_time <= %(after_start)s
       AND (i.start_time, i.trace_id, i.span_id) < (%(after_start)s, %(after_trace_id)s::bytea, %(after_span_id)s::bytea))
ORDER BY i.start_time DESC, i.trace_id DESC, i.span_id DESC
LIMIT %(limit)s;

-- oldest: interactions, oldest first
SELECT {columns}
FROM relayscope.ai_interactions AS i
WHERE {matches}
  AND (%(after_start)s::timestamptz IS NULL OR i.start_time >= %(after_start)s
       AND (i.start_time, i.trace_id, i.span_id) > (%(after_start)s, %(after_trace_id)s::bytea, %(after_span_id)s::bytea))
ORDER BY i.start_time, i.trace_id, i.span_id
LIMIT %(limit)s;

-- of_span: the interactions of which a span is the primary one, newest first
SELECT {columns}
FROM relayscope.ai_interactions AS i
WHERE i.trace_id = %(trace_id)s AND i.span_id = %(span_id)s AND i.workspace_id = %(workspace_id)s
ORDER BY i.start_time DESC LIMIT 1;

-- of_source: the interactions of a trace to which a span contributed, newest first
SELECT {columns}
FROM relayscope.ai_interactions AS i
WHERE i.trace_id = %(trace_id)s AND i.workspace_id = %(workspace_id)s
  AND i.details @> jsonb_build_object('sources', jsonb_build_array(jsonb_build_object(
      'trace_id', encode(%(trace_id)s::bytea, 'hex'), 'span_id', encode(%(span_id)s::bytea, 'hex'))))
ORDER BY i.start_time DESC LIMIT 1;

-- sums: what interactions amount to; used over rows named m
count(*) AS calls, count(*) FILTER (WHERE m.status <> 'success') AS errors,
count(*) FILTER (WHERE m.status = 'timeout') AS timeouts, count(*) FILTER (WHERE m.is_streaming) AS streaming,
sum(m.input_tokens) AS input, sum(m.cache_read_tokens) AS cache_read, sum(m.cache_write_tokens) AS cache_write,
sum(m.cache_write_5m_tokens) AS cache_write_5m, sum(m.cache_write_1h_tokens) AS cache_write_1h,
sum(m.audio_input_tokens) AS audio_input, sum(m.output_tokens) AS output, sum(m.reasoning_tokens) AS reasoning,
sum(m.audio_output_tokens) AS audio_output, bool_or(m.is_estimated) AS is_estimated, count(m.cost_pico) AS priced

-- statistics: interactions by group and time bucket; the key has a text for each dimension, empty for those not asked for
WITH matched AS MATERIALIZED (
    SELECT ARRAY[CASE WHEN 'provider' = ANY(%(by)s) THEN i.provider ELSE '' END,
                 CASE WHEN 'model' = ANY(%(by)s) THEN i.model ELSE '' END,
                 CASE WHEN 'family' = ANY(%(by)s) THEN coalesce(i.model_family, '') ELSE '' END,
                 CASE WHEN 'operation' = ANY(%(by)s) THEN i.operation ELSE '' END,
                 CASE WHEN 'user' = ANY(%(by)s) THEN coalesce(i.user_id, '') ELSE '' END,
                 CASE WHEN 'session' = ANY(%(by)s) THEN coalesce(i.session_id, '') ELSE '' END,
                 CASE WHEN 'agent' = ANY(%(by)s) THEN coalesce(i.agent, '') ELSE '' END,
                 CASE WHEN 'service' = ANY(%(by)s) THEN i.service_name ELSE '' END] COLLATE "C" AS key,
           CASE WHEN %(bucket)s::interval IS NULL THEN timestamptz 'epoch'
                ELSE date_bin(%(bucket)s, i.start_time, timestamptz 'epoch') END AS bucket,
           i.status, i.is_streaming, i.is_estimated, i.latency_ns, i.time_to_first_token_ns, i.cost_pico, i.currency,
           i.input_tokens, i.cache_read_tokens, i.cache_write_tokens, i.cache_write_5m_tokens, i.cache_write_1h_tokens,
           i.audio_input_tokens, i.output_tokens, i.reasoning_tokens, i.audio_output_tokens,
           coalesce(i.output_tokens, 0)::bigint + coalesce(i.reasoning_tokens, 0)
               + coalesce(i.audio_output_tokens, 0) AS written,
           i.latency_ns - coalesce(i.time_to_first_token_ns, 0) AS writing_ns
    FROM relayscope.ai_interactions AS i
    WHERE {matches}
),
sums AS (
    SELECT m.key, m.bucket, {sums},
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY m.latency_ns / 1e6::float8) AS latency,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY m.time_to_first_token_ns / 1e6::float8)
               FILTER (WHERE m.time_to_first_token_ns IS NOT NULL) AS time_to_first_token,
           sum(m.written) FILTER (WHERE m.written > 0 AND m.writing_ns > 0) * 1e9::float8
               / sum(m.writing_ns) FILTER (WHERE m.written > 0 AND m.writing_ns > 0) AS tokens_per_second
    FROM matched AS m
    GROUP BY m.key, m.bucket
    ORDER BY m.bucket, calls DESC, m.key
    LIMIT %(limit)s
),
costs AS (
    SELECT c.key, c.bucket, jsonb_object_agg(c.currency, c.pico::text) AS costs
    FROM (SELECT m.key, m.bucket, coalesce(m.currency, 'USD') AS currency, sum(m.cost_pico) AS pico
          FROM matched AS m WHERE m.cost_pico IS NOT NULL GROUP BY 1, 2, 3) AS c
    GROUP BY c.key, c.bucket
)
SELECT s.*, c.costs FROM sums AS s LEFT JOIN costs AS c USING (key, bucket)
ORDER BY s.bucket, s.calls DESC, s.key;

-- sessions: sessions by their latest interaction, newest first
WITH matched AS MATERIALIZED (
    SELECT i.session_id COLLATE "C" AS session_id, i.trace_id, i.start_time, i.start_time_ns, i.latency_ns, i.status,
           i.is_streaming, i.is_estimated, i.cost_pico, i.currency, i.user_id, i.agent, i.model, i.service_name,
           i.input_tokens, i.cache_read_tokens, i.cache_write_tokens, i.cache_write_5m_tokens, i.cache_write_1h_tokens,
           i.audio_input_tokens, i.output_tokens, i.reasoning_tokens, i.audio_output_tokens
    FROM relayscope.ai_interactions AS i
    WHERE {matches} AND i.session_id IS NOT NULL
),
page AS (
    SELECT m.session_id, max(m.start_time) AS last_start
    FROM matched AS m
    GROUP BY m.session_id
    HAVING %(after_start)s::timestamptz IS NULL
        OR (max(m.start_time), m.session_id) < (%(after_start)s, %(after_session)s::text COLLATE "C")
    ORDER BY last_start DESC, m.session_id DESC
    LIMIT %(limit)s
),
sums AS (
    SELECT m.session_id, {sums}, count(DISTINCT m.trace_id) AS traces,
           min(extract(epoch FROM m.start_time) * 1000000000 + m.start_time_ns) AS start_ns,
           max(extract(epoch FROM m.start_time) * 1000000000 + m.start_time_ns + greatest(m.latency_ns, 0)) AS end_ns,
           array_agg(DISTINCT m.user_id) FILTER (WHERE m.user_id <> '') AS users,
           array_agg(DISTINCT m.agent) FILTER (WHERE m.agent <> '') AS agents,
           array_agg(DISTINCT m.model) FILTER (WHERE m.model <> '') AS models,
           array_agg(DISTINCT m.service_name) FILTER (WHERE m.service_name <> '') AS services
    FROM matched AS m JOIN page USING (session_id)
    GROUP BY m.session_id
),
costs AS (
    SELECT c.session_id, jsonb_object_agg(c.currency, c.pico::text) AS costs
    FROM (SELECT m.session_id, coalesce(m.currency, 'USD') AS currency, sum(m.cost_pico) AS pico
          FROM matched AS m JOIN page USING (session_id) WHERE m.cost_pico IS NOT NULL GROUP BY 1, 2) AS c
    GROUP BY c.session_id
)
SELECT p.last_start, s.*, c.costs FROM page AS p JOIN sums AS s USING (session_id) LEFT JOIN costs AS c USING (session_id)
ORDER BY p.last_start DESC, s.session_id DESC;

-- has_words: whether a search has a word to look for
SELECT numnode(websearch_to_tsquery('simple', %(text)s)) > 0 AS has_words;

-- search: interactions by rank of their words; of too many the newest are ranked
WITH found AS MATERIALIZED (
    SELECT s.trace_id, s.span_id, s.start_time, s.words
    FROM relayscope.ai_search AS s
    JOIN relayscope.ai_interactions AS i USING (trace_id, span_id, start_time, workspace_id)
    WHERE s.workspace_id = %(workspace_id)s AND s.start_time >= %(start)s AND s.start_time <= %(end)s
      AND s.words @@ websearch_to_tsquery('simple', %(text)s)
      AND {matches}
    ORDER BY s.start_time DESC, s.trace_id DESC, s.span_id DESC
    LIMIT %(ranked)s
),
ranked AS (
    SELECT f.trace_id, f.span_id, f.start_time,
           ts_rank_cd(f.words, websearch_to_tsquery('simple', %(text)s), 1)::float8 AS rank
    FROM found AS f
),
page AS MATERIALIZED (
    SELECT r.* FROM ranked AS r
    WHERE %(after_rank)s::float8 IS NULL
       OR (r.rank, r.start_time, r.trace_id, r.span_id)
          < (%(after_rank)s, %(after_start)s::timestamptz, %(after_trace_id)s::bytea, %(after_span_id)s::bytea)
    ORDER BY r.rank DESC, r.start_time DESC, r.trace_id DESC, r.span_id DESC
    LIMIT %(limit)s
)
SELECT {columns}, p.rank, (SELECT count(*) FROM found) AS found,
       ts_headline('simple', translate(i.prompt, %(marks)s, E'\x01\x02'), websearch_to_tsquery('simple', %(text)s), %(options)s)
           AS prompt_snippet,
       ts_headline('simple', translate(i.response, %(marks)s, E'\x01\x02'), websearch_to_tsquery('simple', %(text)s), %(options)s)
           AS response_snippet
FROM page AS p
JOIN relayscope.ai_interactions AS i USING (trace_id, span_id, start_time)
WHERE i.workspace_id = %(workspace_id)s
ORDER BY p.rank DESC, i.start_time DESC, i.trace_id DESC, i.span_id DESC;

-- source_spans: the spans of some ids, each at one time, so that each is looked for in one partition
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s) AND s.span_id = ANY(%(span_ids)s)
  AND s.start_time >= %(start)s AND s.start_time <= %(end)s
ORDER BY s.start_time, s.start_time_ns, s.span_id, s.fingerprint
LIMIT %(limit)s;

-- source_log_records: the log records of some spans, by time
SELECT l.trace_id, l.span_id, l.time, l.time_ns, l.has_time, l.observed_time, l.observed_time_ns, l.severity_number,
       l.severity_text, l.event_name, l.flags, l.dropped_attributes_count, l.body, l.attributes, l.redactions,
       l.resource_id, l.scope_id, l.ai_trace_id
FROM relayscope.log_records AS l
WHERE l.workspace_id = %(workspace_id)s AND l.trace_id = ANY(%(trace_ids)s) AND l.span_id = ANY(%(span_ids)s)
ORDER BY l.time, l.time_ns, l.fingerprint
LIMIT %(limit)s;

-- related: some spans, their parents, and some of their children, of the same traces
SELECT s.trace_id, s.span_id, s.parent_span_id, s.name, s.service_name, s.start_time, s.start_time_ns, s.duration_ns,
       s.status_code,
       CASE WHEN s.span_id = ANY(%(span_ids)s) THEN 'source' WHEN s.span_id = ANY(%(parent_ids)s) THEN 'parent'
            ELSE 'child' END AS relation
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s)
  AND (s.span_id = ANY(%(span_ids)s) OR s.span_id = ANY(%(parent_ids)s) OR s.parent_span_id = ANY(%(span_ids)s))
ORDER BY s.span_id = ANY(%(span_ids)s) DESC, s.span_id = ANY(%(parent_ids)s) DESC,
         s.start_time, s.start_time_ns, s.span_id
LIMIT %(limit)s;

-- stored: which of some pairs of trace and span id have a span
SELECT DISTINCT s.trace_id, s.span_id
FROM relayscope.spans AS s
JOIN unnest(%(trace_ids)s::bytea[], %(span_ids)s::bytea[]) AS asked (trace_id, span_id) USING (trace_id, span_id)
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s);
