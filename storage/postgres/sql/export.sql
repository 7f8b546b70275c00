-- begin: every statement of an export sees the same state
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- end: nothing was written, so there is nothing to commit
ROLLBACK;

-- by_index: few of all spans are read at a time, and lists in the order of an index
SET LOCAL enable_seqscan = off;

-- spans: all spans of some traces, trace by trace in the order given, each by start and id
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s)
ORDER BY array_position(%(trace_ids)s, s.trace_id), s.start_time, s.start_time_ns, s.span_id, s.fingerprint;

-- interaction_count: how many interactions there are
SELECT count(*) AS items FROM relayscope.ai_interactions AS i WHERE {matches};

-- decisions: single decisions by time
SELECT {columns} FROM relayscope.decisions AS d WHERE {matches} ORDER BY d.time, d.trace_id, d.decision_id;

-- decision_count: how many decisions there are
SELECT count(*) AS items FROM relayscope.decisions AS d WHERE {matches};
