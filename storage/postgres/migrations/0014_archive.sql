-- Traces that outlive retention: their spans lie here as well, in rows of the same shape that no partition holds.

CREATE TABLE relayscope.archived_traces (
    workspace_id integer NOT NULL,
    trace_id     bytea NOT NULL,
    archived_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, trace_id)
);

CREATE TABLE relayscope.archived_spans (LIKE relayscope.spans INCLUDING COMMENTS INCLUDING COMPRESSION INCLUDING STORAGE);
CREATE UNIQUE INDEX archived_spans_identity_idx
    ON relayscope.archived_spans (trace_id, span_id, start_time, fingerprint);

-- All spans that can be read by the id of their trace, each once.
CREATE VIEW relayscope.kept_spans AS
SELECT s.workspace_id, s.trace_id, s.span_id, s.fingerprint, s.start_time, s.start_time_ns, s.duration_ns, s.kind,
       s.status_code, s.resource_id, s.scope_id, s.parent_span_id, s.service_name, s.name, s.attributes, s.flags,
       s.trace_state, s.status_message, s.events, s.links, s.dropped_attributes_count, s.dropped_events_count,
       s.dropped_links_count, s.redactions
FROM relayscope.spans AS s
UNION ALL
SELECT a.workspace_id, a.trace_id, a.span_id, a.fingerprint, a.start_time, a.start_time_ns, a.duration_ns, a.kind,
       a.status_code, a.resource_id, a.scope_id, a.parent_span_id, a.service_name, a.name, a.attributes, a.flags,
       a.trace_state, a.status_message, a.events, a.links, a.dropped_attributes_count, a.dropped_events_count,
       a.dropped_links_count, a.redactions
FROM relayscope.archived_spans AS a
WHERE NOT EXISTS (
    SELECT 1 FROM relayscope.spans AS s
    WHERE s.trace_id = a.trace_id AND s.span_id = a.span_id AND s.start_time = a.start_time
      AND s.fingerprint = a.fingerprint
);
