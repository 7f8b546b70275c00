-- by_index: for statements that find few spans
SET LOCAL enable_seqscan = off;

-- by_key: for statements that fetch rows by whole keys which another part of them finds: other joins read tables as a whole
SELECT set_config('enable_seqscan', 'off', true) AS seqscan, set_config('enable_hashjoin', 'off', true) AS hashjoin,
       set_config('enable_mergejoin', 'off', true) AS mergejoin;

-- health: the server's version, its durability settings, and the schema's version
SELECT current_setting('server_version') AS server_version,
       current_setting('fsync') = 'on' AS fsync,
       current_setting('full_page_writes') = 'on' AS full_page_writes,
       current_setting('synchronous_commit') NOT IN ('off', 'local') AS synchronous_commit,
       (SELECT max(version) FROM relayscope.migrations) AS schema_version;

-- services: names of all services that have a name
SELECT service_name FROM relayscope.operations
WHERE workspace_id = %(workspace_id)s AND service_name <> ''
GROUP BY service_name
ORDER BY service_name COLLATE "C";

-- operations: span names of a service with their kinds
SELECT name, kind FROM relayscope.operations
WHERE workspace_id = %(workspace_id)s AND service_name = %(service)s
  AND (%(kind)s::smallint IS NULL OR kind = %(kind)s)
ORDER BY name COLLATE "C", kind;

-- spans: all spans of some traces, each trace by start and id
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s)
ORDER BY s.trace_id, s.start_time, s.start_time_ns, s.span_id, s.fingerprint;

-- span_page: spans of one trace after a place, by start and id; the first condition is for leaving out partitions
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id, s.fingerprint
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = %(trace_id)s AND s.start_time >= %(start)s
  AND (s.start_time, s.start_time_ns, s.span_id, s.fingerprint)
      > (%(start)s, %(start_ns)s::smallint, %(span_id)s, %(fingerprint)s::bigint)
ORDER BY s.start_time, s.start_time_ns, s.span_id, s.fingerprint
LIMIT %(limit)s;

-- outlines: what all spans of some traces amount to; nanoseconds as numeric, since they exceed bigint
SELECT s.trace_id, count(*) AS spans, count(*) FILTER (WHERE s.status_code = 2) AS errors,
       min(extract(epoch FROM s.start_time) * 1000000000 + s.start_time_ns) AS start_ns,
       max(extract(epoch FROM s.start_time) * 1000000000 + s.start_time_ns + greatest(s.duration_ns, 0)) AS end_ns,
       array_agg(DISTINCT s.service_name) AS services
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s)
GROUP BY s.trace_id;

-- outline_spans: the spans of some traces that tell most: the root, the first that failed, the first of all
WITH ranked AS (
    SELECT trace_id, span_id, start_time, fingerprint,
           row_number() OVER (PARTITION BY trace_id ORDER BY start_time, start_time_ns, span_id, fingerprint) AS place,
           row_number() OVER (PARTITION BY trace_id, parent_span_id IS NULL
                              ORDER BY start_time, start_time_ns, span_id, fingerprint) AS place_of_kind,
           row_number() OVER (PARTITION BY trace_id, status_code = 2
                              ORDER BY start_time, start_time_ns, span_id, fingerprint) AS place_of_status,
           parent_span_id IS NULL AS is_root, status_code = 2 AS is_failed
    FROM relayscope.spans
    WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s)
)
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id,
       r.place, r.is_root
FROM ranked AS r
JOIN relayscope.spans AS s
  ON s.trace_id = r.trace_id AND s.span_id = r.span_id AND s.start_time = r.start_time AND s.fingerprint = r.fingerprint
WHERE s.workspace_id = %(workspace_id)s
  AND (r.place <= %(first)s OR r.is_root AND r.place_of_kind = 1 OR r.is_failed AND r.place_of_status <= %(failed)s)
ORDER BY s.trace_id, r.place;

-- has_archived: whether one of some traces is in the archive
SELECT count(*) > 0 AS is_so FROM relayscope.archived_traces
WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s);

-- resources: some entries of the dictionary
SELECT resource_id, schema_url, dropped_attributes_count, attributes FROM relayscope.resources
WHERE workspace_id = %(workspace_id)s AND resource_id = ANY(%(ids)s);

-- scopes: some entries of the dictionary
SELECT scope_id, name, version, schema_url, dropped_attributes_count, attributes FROM relayscope.scopes
WHERE workspace_id = %(workspace_id)s AND scope_id = ANY(%(ids)s);
