-- planning: the spans of a trace are found by its id, and all of their frames fit into memory
SELECT set_config('enable_seqscan', 'off', true) AS scanning, set_config('work_mem', '64MB', true) AS memory;

-- page: frames of one trace after a place, with what is counted over the whole trace; the trace is read once
WITH frame AS MATERIALIZED (
    SELECT s.span_id, s.parent_span_id, s.name, s.service_name, s.kind, s.start_time, s.start_time_ns, s.duration_ns,
           s.status_code, s.fingerprint, s.events IS NOT NULL AS has_events, s.links IS NOT NULL AS has_links,
           s.redactions IS NOT NULL AS has_redactions
    FROM relayscope.spans AS s
    WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = %(trace_id)s
), shown AS MATERIALIZED (
    SELECT * FROM frame AS f
    WHERE %(is_first)s OR (f.start_time, f.start_time_ns, f.span_id, f.fingerprint)
          > (%(start)s, %(start_ns)s::smallint, %(span_id)s, %(fingerprint)s::bigint)
    ORDER BY f.start_time, f.start_time_ns, f.span_id, f.fingerprint
    LIMIT %(limit)s
), families AS (
    SELECT f.parent_span_id AS span_id, count(*) AS children FROM frame AS f
    WHERE f.parent_span_id IN (SELECT span_id FROM shown)
    GROUP BY f.parent_span_id
), calls AS (
    SELECT DISTINCT i.span_id FROM relayscope.ai_interactions AS i
    WHERE i.workspace_id = %(workspace_id)s AND i.trace_id = %(trace_id)s
)
SELECT s.*, coalesce(c.children, 0) AS children, i.span_id IS NOT NULL AS has_interaction
FROM shown AS s
LEFT JOIN families AS c ON c.span_id = s.span_id
LEFT JOIN calls AS i ON i.span_id = s.span_id
ORDER BY s.start_time, s.start_time_ns, s.span_id, s.fingerprint;

-- frames: the frames of one trace
WITH frame AS MATERIALIZED (
    SELECT s.span_id, s.parent_span_id, s.name, s.service_name, s.kind, s.start_time, s.start_time_ns, s.duration_ns,
           s.status_code, s.fingerprint
    FROM relayscope.spans AS s
    WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = %(trace_id)s
)
SELECT * FROM frame AS f
ORDER BY f.start_time, f.start_time_ns, f.span_id, f.fingerprint
LIMIT %(limit)s;

-- lineage: who is whose child in one trace
WITH frame AS MATERIALIZED (
    SELECT s.span_id, s.parent_span_id, s.start_time, s.start_time_ns, s.fingerprint
    FROM relayscope.spans AS s
    WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = %(trace_id)s
)
SELECT f.span_id, f.parent_span_id FROM frame AS f
ORDER BY f.start_time, f.start_time_ns, f.span_id, f.fingerprint
LIMIT %(limit)s;

-- spans: whole spans of one trace by their ids
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = %(trace_id)s AND s.span_id = ANY(%(span_ids)s)
ORDER BY s.start_time, s.start_time_ns, s.span_id, s.fingerprint
LIMIT %(limit)s;
