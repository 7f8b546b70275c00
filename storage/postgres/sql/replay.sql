-- begin: only reads, and no statement for longer than ten minutes
SET default_transaction_read_only = on;

-- patience: how long a statement may take
SET statement_timeout = '10min';

-- by_index: a page is read in the order of the index, also from partitions that have no statistics yet
SET enable_seqscan = off;

-- by_any_plan: what is summed up is read as the planner likes
RESET enable_seqscan;

-- matches: the decisions of a selection
d.workspace_id = %(workspace_id)s AND d.time >= %(start)s AND d.time < %(end)s
  AND (%(type)s::text IS NULL OR d.type = %(type)s)
  AND (%(component)s::text IS NULL OR d.component = %(component)s)
  AND (%(service)s::text IS NULL OR d.service_name = %(service)s)
  AND (%(rule)s::text IS NULL OR d.rule_id = %(rule)s OR d.rule_name = %(rule_name)s)
  AND (%(outcome)s::text IS NULL OR d.outcome = %(outcome)s)
  AND (%(ids)s::text[] IS NULL OR d.decision_id = ANY(%(ids)s))
  -- One text of both, since PostgreSQL makes a hash table of texts, and none of rows.
  AND (%(traced_ids)s::text[] IS NULL OR encode(d.trace_id, 'hex') || '/' || d.decision_id = ANY(%(traced_ids)s));

-- count: how many there are
SELECT count(*) AS decisions FROM relayscope.decisions AS d WHERE {matches};

-- page: the next ones in the order of their time; what replay does not look at is left out
SELECT {columns}
FROM relayscope.decisions AS d
WHERE {matches}
  AND (%(after_time)s::timestamptz IS NULL
       OR (d.time >= %(after_time)s AND (d.time, d.trace_id, d.decision_id) > (%(after_time)s, %(after_trace_id)s, %(after_id)s)))
ORDER BY d.time, d.trace_id, d.decision_id
LIMIT %(limit)s;

-- operations: what models were called for in some traces, the first calls first
SELECT i.trace_id, i.operation, i.model, i.model_requested, i.model_served, min(i.start_time) AS first
FROM relayscope.ai_interactions AS i
WHERE i.workspace_id = %(workspace_id)s AND i.trace_id = ANY(%(trace_ids)s) AND i.operation = ANY(%(operations)s)
  AND i.start_time >= %(first)s::timestamptz - interval '1 hour' AND i.start_time < %(last)s::timestamptz + interval '1 day'
GROUP BY i.trace_id, i.operation, i.model, i.model_requested, i.model_served
ORDER BY i.trace_id, first, i.operation, i.model;

-- observed: what calls of models cost, how long they took, and how many failed, exactly
SELECT i.provider, i.model, i.model_requested, i.model_served, i.operation, coalesce(i.currency, '') AS currency,
       count(*) AS calls,
       count(*) FILTER (WHERE i.status <> 'success') AS errors,
       count(i.cost_pico) AS costs,
       coalesce(sum(i.cost_pico::numeric), 0) AS cost_total,
       coalesce(sum(i.cost_pico::numeric * i.cost_pico::numeric), 0) AS cost_squares,
       count(*) FILTER (WHERE i.status = 'success') AS latencies,
       coalesce(sum(i.latency_ns::numeric) FILTER (WHERE i.status = 'success'), 0) AS latency_total,
       coalesce(sum(i.latency_ns::numeric * i.latency_ns::numeric) FILTER (WHERE i.status = 'success'), 0) AS latency_squares
FROM relayscope.ai_interactions AS i
WHERE i.workspace_id = %(workspace_id)s AND i.start_time >= %(start)s AND i.start_time < %(end)s
  AND i.operation = ANY(%(operations)s)
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY count(*) DESC, 1, 2, 3, 4, 5, 6
LIMIT 10000;
