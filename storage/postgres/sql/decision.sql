-- columns: what is read of a decision
d.workspace_id, d.trace_id, d.span_id, d.decision_id, d.time, d.time_ns, d.mapper_version, d.type, d.component,
d.service_name, d.convention, d.is_enforced, d.is_final_stated, d.evaluation_ns, d.sequence, d.outcome, d.rule_id,
d.rule_name, d.rule_version, d.parent_id, d.request_id, d.user_id, d.session_id, d.organization_id, d.request_path,
d.final_provider, d.final_model, d.final_status, d.reasoning, d.input, d.output, d.details

-- matches: the filter; a predicate that was not given is folded away before the statement is planned
d.workspace_id = %(workspace_id)s AND d.time >= %(start)s AND d.time <= %(end)s
AND (%(type)s::text IS NULL OR d.type = %(type)s)
AND (%(component)s::text IS NULL OR d.component = %(component)s)
AND (%(rule_id)s::text IS NULL OR d.rule_id = %(rule_id)s OR d.rule_name = %(rule_name)s)
AND (%(outcome)s::text IS NULL OR d.outcome = %(outcome)s)
AND (%(is_enforced)s::boolean IS NULL OR (d.is_enforced IS NOT FALSE) = %(is_enforced)s)
AND (%(status)s::text IS NULL OR d.final_status = %(status)s)
AND (%(provider)s::text IS NULL OR d.final_provider = %(provider)s)
AND (%(model)s::text IS NULL OR d.final_model = %(model)s)
AND (%(request_id)s::text IS NULL OR d.request_id = %(request_id)s)
AND (%(user)s::text IS NULL OR d.user_id = %(user)s)
AND (%(session)s::text IS NULL OR d.session_id = %(session)s)
AND (%(organization)s::text IS NULL OR d.organization_id = %(organization)s)
AND (%(service)s::text IS NULL OR d.service_name = %(service)s)
AND (%(words)s::text[] IS NULL OR NOT EXISTS (
    SELECT FROM unnest(%(words)s::text[]) AS ask (word)
    WHERE position(ask.word IN lower(concat_ws(' ', d.reasoning, d.input::text, d.output::text))) = 0))
AND (%(paths)s::jsonb IS NULL OR NOT EXISTS (
    SELECT FROM jsonb_to_recordset(%(paths)s::jsonb) AS ask (root text, path jsonb, operator text, text text, number numeric)
    CROSS JOIN LATERAL (
        SELECT CASE ask.root WHEN 'input' THEN d.input WHEN 'output' THEN d.output ELSE d.details -> 'attributes' END
               #> ARRAY(SELECT jsonb_array_elements_text(ask.path)) AS value) AS place
    WHERE place.value IS NULL OR (ask.operator = '!=') = EXISTS (
        SELECT FROM jsonb_array_elements(CASE jsonb_typeof(place.value) WHEN 'array' THEN place.value
                                              ELSE jsonb_build_array(place.value) END) AS member (one)
        WHERE CASE
            WHEN ask.operator = '~' THEN position(lower(ask.text) IN lower(coalesce(member.one #>> '{}', 'null'))) > 0
            WHEN jsonb_typeof(member.one) = 'number' AND ask.number IS NOT NULL THEN CASE ask.operator
                WHEN '<' THEN member.one::numeric < ask.number
                WHEN '<=' THEN member.one::numeric <= ask.number
                WHEN '>' THEN member.one::numeric > ask.number
                WHEN '>=' THEN member.one::numeric >= ask.number
                ELSE member.one::numeric = ask.number END
            WHEN ask.operator IN ('=', '!=') THEN coalesce(member.one #>> '{}', 'null') = ask.text
            ELSE false END)))

-- newest: the newest matching decision of each trace that has one, newest first; after_time is for leaving out partitions
SELECT d.trace_id, d.time
FROM relayscope.decisions AS d
WHERE {matches} AND d.trace_id <> ''
  AND (%(after_time)s::timestamptz IS NULL
       OR d.time <= %(after_time)s AND (d.time, d.trace_id) < (%(after_time)s, %(after_trace_id)s::bytea))
  AND NOT EXISTS (
      SELECT FROM relayscope.decisions AS n
      WHERE n.trace_id = d.trace_id AND n.time >= d.time AND (n.time, n.decision_id) > (d.time, d.decision_id)
        AND {newer_matches})
ORDER BY d.time DESC, d.trace_id DESC
LIMIT %(limit)s;

-- of_traces: the decisions of some traces in order, so many of each; whether each matches
SELECT t.*
FROM unnest(%(trace_ids)s::bytea[]) AS asked (trace_id)
CROSS JOIN LATERAL (
    SELECT {columns}, coalesce({matches}, false) AS is_match
    FROM relayscope.decisions AS d
    WHERE d.workspace_id = %(workspace_id)s AND d.trace_id = asked.trace_id
    ORDER BY d.time, d.time_ns, d.sequence, d.decision_id
    LIMIT %(most)s
) AS t
ORDER BY t.trace_id, t.time, t.time_ns, t.sequence, t.decision_id;

-- of_trace: the decisions of a trace in order
SELECT {columns}
FROM relayscope.decisions AS d
WHERE d.workspace_id = %(workspace_id)s AND d.trace_id = %(trace_id)s
ORDER BY d.time, d.time_ns, d.sequence, d.decision_id
LIMIT %(most)s;

-- of_request: the trace with the newest decision of a request
SELECT d.trace_id
FROM relayscope.decisions AS d
WHERE d.workspace_id = %(workspace_id)s AND d.request_id = %(request_id)s AND d.trace_id <> ''
ORDER BY d.time DESC LIMIT 1;

-- statistics: decisions by group and time bucket, with the calls of models in their traces; the key has a text for each dimension
WITH matched AS MATERIALIZED (
    SELECT ARRAY[CASE WHEN 'type' = ANY(%(by)s) THEN d.type ELSE '' END,
                 CASE WHEN 'component' = ANY(%(by)s) THEN d.component ELSE '' END,
                 CASE WHEN 'rule' = ANY(%(by)s) THEN coalesce(d.rule_id, d.rule_name, '') ELSE '' END,
                 CASE WHEN 'outcome' = ANY(%(by)s) THEN coalesce(d.outcome, '') ELSE '' END,
                 CASE WHEN 'service' = ANY(%(by)s) THEN d.service_name ELSE '' END,
                 CASE WHEN 'status' = ANY(%(by)s) THEN coalesce(d.final_status, '') ELSE '' END] COLLATE "C" AS key,
           CASE WHEN %(bucket)s::interval IS NULL THEN timestamptz 'epoch'
                ELSE date_bin(%(bucket)s, d.time, timestamptz 'epoch') END AS bucket,
           d.trace_id, d.evaluation_ns, d.is_enforced
    FROM relayscope.decisions AS d
    WHERE {matches}
),
sums AS (
    SELECT m.key, m.bucket, count(*) AS decisions,
           (count(*) / sum(count(*)) OVER (PARTITION BY m.bucket))::float8 AS share,
           (sum(count(*)) OVER ())::bigint AS total,
           count(DISTINCT nullif(m.trace_id, '')) AS traces,
           count(*) FILTER (WHERE m.is_enforced IS NOT FALSE) AS enforced, count(*) FILTER (WHERE NOT m.is_enforced) AS shadow,
           count(m.evaluation_ns) AS evaluated,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY m.evaluation_ns / 1e6::float8)
               FILTER (WHERE m.evaluation_ns IS NOT NULL) AS evaluation
    FROM matched AS m
    GROUP BY m.key, m.bucket
    ORDER BY m.bucket, decisions DESC, m.key
    LIMIT %(limit)s
),
calls AS MATERIALIZED (
    SELECT i.trace_id, i.latency_ns, i.status, i.cost_pico, coalesce(i.currency, 'USD') AS currency
    FROM relayscope.ai_interactions AS i
    WHERE i.workspace_id = %(workspace_id)s AND i.operation = ANY(%(calls)s)
      AND i.start_time >= %(calls_start)s AND i.start_time <= %(calls_end)s
      AND i.trace_id IN (SELECT m.trace_id FROM matched AS m WHERE m.trace_id <> '')
),
followed AS MATERIALIZED (
    SELECT t.key, t.bucket, c.latency_ns, c.status, c.cost_pico, c.currency
    FROM (SELECT DISTINCT m.key, m.bucket, m.trace_id FROM matched AS m WHERE m.trace_id <> '') AS t
    JOIN calls AS c USING (trace_id)
),
downstream AS (
    SELECT f.key, f.bucket, count(*) AS calls, count(*) FILTER (WHERE f.status <> 'success') AS errors,
           count(f.cost_pico) AS priced,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY f.latency_ns / 1e6::float8) AS latency
    FROM followed AS f
    GROUP BY f.key, f.bucket
),
costs AS (
    SELECT c.key, c.bucket, jsonb_object_agg(c.currency, c.pico::text) AS costs
    FROM (SELECT f.key, f.bucket, f.currency, sum(f.cost_pico) AS pico
          FROM followed AS f WHERE f.cost_pico IS NOT NULL GROUP BY 1, 2, 3) AS c
    GROUP BY c.key, c.bucket
)
SELECT s.*, w.calls, w.errors, w.priced, w.latency, c.costs
FROM sums AS s LEFT JOIN downstream AS w USING (key, bucket) LEFT JOIN costs AS c USING (key, bucket)
ORDER BY s.bucket, s.decisions DESC, s.key;
