-- outline_spans: the spans of some traces that tell most, wherever they are kept: the root, the first that failed, the first of all
WITH kept AS (
    SELECT trace_id, span_id, parent_span_id, start_time, start_time_ns, fingerprint, status_code, false AS is_archived
    FROM relayscope.spans
    WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s)
    UNION ALL
    SELECT a.trace_id, a.span_id, a.parent_span_id, a.start_time, a.start_time_ns, a.fingerprint, a.status_code, true
    FROM relayscope.archived_spans AS a
    WHERE a.workspace_id = %(workspace_id)s AND a.trace_id = ANY(%(trace_ids)s) AND NOT EXISTS (
        SELECT 1 FROM relayscope.spans AS s
        WHERE s.trace_id = a.trace_id AND s.span_id = a.span_id AND s.start_time = a.start_time
          AND s.fingerprint = a.fingerprint)
), ranked AS (
    SELECT trace_id, span_id, start_time, fingerprint, is_archived,
           row_number() OVER (PARTITION BY trace_id ORDER BY start_time, start_time_ns, span_id, fingerprint) AS place,
           row_number() OVER (PARTITION BY trace_id, parent_span_id IS NULL
                              ORDER BY start_time, start_time_ns, span_id, fingerprint) AS place_of_kind,
           row_number() OVER (PARTITION BY trace_id, status_code = 2
                              ORDER BY start_time, start_time_ns, span_id, fingerprint) AS place_of_status,
           parent_span_id IS NULL AS is_root, status_code = 2 AS is_failed
    FROM kept
), told AS (
    SELECT * FROM ranked
    WHERE place <= %(first)s OR is_root AND place_of_kind = 1 OR is_failed AND place_of_status <= %(failed)s
)
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id,
       r.place, r.is_root
FROM told AS r
JOIN relayscope.spans AS s
  ON s.trace_id = r.trace_id AND s.span_id = r.span_id AND s.start_time = r.start_time AND s.fingerprint = r.fingerprint
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s) AND NOT r.is_archived
UNION ALL
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id,
       r.place, r.is_root
FROM told AS r
JOIN relayscope.archived_spans AS s
  ON s.trace_id = r.trace_id AND s.span_id = r.span_id AND s.start_time = r.start_time AND s.fingerprint = r.fingerprint
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s) AND r.is_archived
ORDER BY trace_id, place;
