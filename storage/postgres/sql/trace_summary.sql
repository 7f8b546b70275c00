-- shares: what each service has in some traces, in the place where these are kept; nanoseconds as numeric, since they exceed bigint
WITH kept AS MATERIALIZED (
    SELECT trace_id, span_id, nullif(parent_span_id, '\x0000000000000000') AS parent_span_id, service_name, name,
           status_code, start_time, start_time_ns, duration_ns, fingerprint
    FROM relayscope.{place}
    WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s)
), ids AS (
    SELECT DISTINCT trace_id, span_id FROM kept
), roots AS (
    SELECT DISTINCT ON (trace_id) trace_id, service_name, name FROM kept WHERE parent_span_id IS NULL
    ORDER BY trace_id, start_time, start_time_ns, span_id, fingerprint
)
SELECT k.trace_id, k.service_name, r.service_name AS root_service, r.name AS root_operation, count(*) AS spans,
       count(*) FILTER (WHERE k.status_code = 2) AS errors,
       count(*) FILTER (WHERE k.parent_span_id IS NOT NULL AND p.span_id IS NULL) AS orphans,
       min(extract(epoch FROM k.start_time) * 1000000000 + k.start_time_ns) AS start_ns,
       max(extract(epoch FROM k.start_time) * 1000000000 + k.start_time_ns + greatest(k.duration_ns, 0)) AS end_ns
FROM kept AS k
LEFT JOIN ids AS p ON p.trace_id = k.trace_id AND p.span_id = k.parent_span_id
LEFT JOIN roots AS r ON r.trace_id = k.trace_id
GROUP BY k.trace_id, k.service_name, r.service_name, r.name
ORDER BY k.trace_id, k.service_name COLLATE "C";
