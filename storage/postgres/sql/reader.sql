-- by_index: for statements that find few spans
SET LOCAL enable_seqscan = off;

-- by_hash: for statements that join many spans with their parents
SET LOCAL enable_nestloop = off;

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

-- resources: some entries of the dictionary
SELECT resource_id, schema_url, dropped_attributes_count, attributes FROM relayscope.resources
WHERE workspace_id = %(workspace_id)s AND resource_id = ANY(%(ids)s);

-- scopes: some entries of the dictionary
SELECT scope_id, name, version, schema_url, dropped_attributes_count, attributes FROM relayscope.scopes
WHERE workspace_id = %(workspace_id)s AND scope_id = ANY(%(ids)s);

-- service_nodes: spans of a window by service, and the calls that entered it
WITH parents AS (
    SELECT DISTINCT trace_id, span_id, service_name FROM relayscope.spans
    WHERE workspace_id = %(workspace_id)s
      AND start_time >= %(start)s::timestamptz - interval '1 day'
      AND start_time < %(end)s::timestamptz + interval '1 day'
)
SELECT c.service_name, count(*) AS spans,
       count(*) FILTER (WHERE p.trace_id IS NULL) AS calls,
       count(*) FILTER (WHERE p.trace_id IS NULL AND c.status_code = 2) AS errors,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY c.duration_ns / 1e6::float8)
           FILTER (WHERE p.trace_id IS NULL) AS percentiles
FROM relayscope.spans AS c
LEFT JOIN parents AS p
  ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id AND p.service_name = c.service_name
WHERE c.workspace_id = %(workspace_id)s AND c.service_name <> ''
  AND c.start_time >= %(start)s AND c.start_time < %(end)s
GROUP BY c.service_name
ORDER BY c.service_name COLLATE "C";

-- service_edges: calls of a window by the services of parent and child, counted on the child
WITH parents AS (
    SELECT DISTINCT trace_id, span_id, service_name FROM relayscope.spans
    WHERE workspace_id = %(workspace_id)s AND service_name <> ''
      AND start_time >= %(start)s::timestamptz - interval '1 day'
      AND start_time < %(end)s::timestamptz + interval '1 day'
)
SELECT p.service_name AS parent, c.service_name AS child, count(*) AS calls,
       count(*) FILTER (WHERE c.status_code = 2) AS errors,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY c.duration_ns / 1e6::float8) AS percentiles
FROM relayscope.spans AS c
JOIN parents AS p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id
WHERE c.workspace_id = %(workspace_id)s AND c.service_name <> ''
  AND c.start_time >= %(start)s AND c.start_time < %(end)s
GROUP BY p.service_name, c.service_name
ORDER BY p.service_name COLLATE "C", c.service_name COLLATE "C";
