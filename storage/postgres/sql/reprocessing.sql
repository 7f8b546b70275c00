-- workspaces: those that have sent anything
SELECT DISTINCT workspace_id FROM relayscope.resources ORDER BY workspace_id;

-- earliest: when the first span or log record of a workspace comes, in a time range; none when there is none
SELECT least((SELECT min(start_time) FROM relayscope.spans
              WHERE workspace_id = %(workspace_id)s AND start_time >= %(since)s AND start_time < %(until)s),
             (SELECT min(time) FROM relayscope.log_records
              WHERE workspace_id = %(workspace_id)s AND time >= %(since)s AND time < %(until)s)) AS time;

-- earliest_interaction: when the first interaction of a workspace starts, in a time range; none when there is none
SELECT min(start_time) AS time FROM relayscope.ai_interactions
WHERE workspace_id = %(workspace_id)s AND start_time >= %(since)s AND start_time < %(until)s;

-- page_of_spans: the next spans of a time range by their start; those of one moment come together
SELECT start_time AS time, trace_id FROM relayscope.spans
WHERE workspace_id = %(workspace_id)s AND start_time >= %(start)s AND start_time < %(until)s
ORDER BY start_time FETCH FIRST %(limit)s ROWS WITH TIES;

-- page_of_log_records: the same for log records that belong to a trace, or tell of calls without one
SELECT time, coalesce(ai_trace_id, trace_id) AS trace_id FROM relayscope.log_records
WHERE workspace_id = %(workspace_id)s AND time >= %(start)s AND time < %(until)s AND (trace_id <> '' OR ai_trace_id IS NOT NULL)
ORDER BY time FETCH FIRST %(limit)s ROWS WITH TIES;

-- first_spans: when the first span of each of some traces starts, in a time range
SELECT trace_id, min(start_time) AS first FROM relayscope.spans
WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s) AND start_time >= %(since)s AND start_time < %(until)s
GROUP BY trace_id;

-- first_log_records: the same for log records
SELECT coalesce(ai_trace_id, trace_id) AS trace_id, min(time) AS first FROM relayscope.log_records
WHERE workspace_id = %(workspace_id)s AND (trace_id = ANY(%(trace_ids)s) OR ai_trace_id = ANY(%(trace_ids)s))
  AND time >= %(since)s AND time < %(until)s
GROUP BY coalesce(ai_trace_id, trace_id);

-- reprice: puts other costs in the place of those of some rows; parallel arrays
UPDATE relayscope.ai_interactions AS i
SET cost_pico = new.cost_pico, cost_source = new.cost_source, currency = new.currency,
    is_discrepant = new.is_discrepant, details = new.details
FROM unnest(%(trace_ids)s::bytea[], %(span_ids)s::bytea[], %(starts)s::timestamptz[], %(cost_picos)s::bigint[],
            %(cost_sources)s::text[], %(currencies)s::text[], %(discrepancies)s::boolean[], %(details)s::jsonb[])
     AS new (trace_id, span_id, start_time, cost_pico, cost_source, currency, is_discrepant, details)
WHERE i.workspace_id = %(workspace_id)s AND i.trace_id = new.trace_id AND i.span_id = new.span_id
  AND i.start_time = new.start_time;
