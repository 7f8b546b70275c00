-- limits: few rows are found by an index; partitions have no statistics until autovacuum has seen them
SET LOCAL enable_seqscan = off;

-- lock_shared: redaction of the archive waits for those that copy to it, and they for nobody else
SELECT pg_advisory_xact_lock_shared(hashtext('relayscope.archive'));

-- await_copies: returns when whoever copied before this has ended
SELECT pg_advisory_xact_lock(hashtext('relayscope.archive'));

-- copy: what is stored of a trace, and not in the archive yet
INSERT INTO relayscope.archived_spans
    (workspace_id, trace_id, span_id, fingerprint, start_time, start_time_ns, duration_ns, kind, status_code,
     resource_id, scope_id, parent_span_id, service_name, name, attributes, flags, trace_state, status_message,
     events, links, dropped_attributes_count, dropped_events_count, dropped_links_count, redactions)
SELECT s.workspace_id, s.trace_id, s.span_id, s.fingerprint, s.start_time, s.start_time_ns, s.duration_ns, s.kind,
       s.status_code, s.resource_id, s.scope_id, s.parent_span_id, s.service_name, s.name, s.attributes, s.flags,
       s.trace_state, s.status_message, s.events, s.links, s.dropped_attributes_count, s.dropped_events_count,
       s.dropped_links_count, s.redactions
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = %(trace_id)s
ON CONFLICT DO NOTHING;

-- copy_expiring: spans of archived traces that came after the trace was archived, before retention takes them
INSERT INTO relayscope.archived_spans
    (workspace_id, trace_id, span_id, fingerprint, start_time, start_time_ns, duration_ns, kind, status_code,
     resource_id, scope_id, parent_span_id, service_name, name, attributes, flags, trace_state, status_message,
     events, links, dropped_attributes_count, dropped_events_count, dropped_links_count, redactions)
SELECT s.workspace_id, s.trace_id, s.span_id, s.fingerprint, s.start_time, s.start_time_ns, s.duration_ns, s.kind,
       s.status_code, s.resource_id, s.scope_id, s.parent_span_id, s.service_name, s.name, s.attributes, s.flags,
       s.trace_state, s.status_message, s.events, s.links, s.dropped_attributes_count, s.dropped_events_count,
       s.dropped_links_count, s.redactions
FROM relayscope.archived_traces AS t
JOIN relayscope.spans AS s ON s.trace_id = t.trace_id AND s.workspace_id = t.workspace_id
WHERE s.start_time < %(cutoff)s
ON CONFLICT DO NOTHING;

-- note: that a trace is in the archive; none when it was before
INSERT INTO relayscope.archived_traces (workspace_id, trace_id) VALUES (%(workspace_id)s, %(trace_id)s)
ON CONFLICT DO NOTHING
RETURNING archived_at;

-- archived: a trace of the archive, with the number of its spans there
SELECT t.trace_id, t.archived_at, count(s.trace_id) AS span_count
FROM relayscope.archived_traces AS t
LEFT JOIN relayscope.archived_spans AS s ON s.trace_id = t.trace_id AND s.workspace_id = t.workspace_id
WHERE t.workspace_id = %(workspace_id)s AND t.trace_id = %(trace_id)s
GROUP BY t.trace_id, t.archived_at;

-- span_count: how many spans of a trace the archive has
SELECT count(*) FROM relayscope.archived_spans WHERE workspace_id = %(workspace_id)s AND trace_id = %(trace_id)s;

-- forget: that a trace is in the archive
DELETE FROM relayscope.archived_traces WHERE workspace_id = %(workspace_id)s AND trace_id = %(trace_id)s;

-- remove: the archive's copies of a trace
DELETE FROM relayscope.archived_spans WHERE workspace_id = %(workspace_id)s AND trace_id = %(trace_id)s;
