-- series: spans by group and step, from rollups and from rows, of the groups with most of them and of one more. Rollups have a row for all
-- operations of a service, which is read when no operation is asked for
WITH parts AS (
    SELECT t.* FROM unnest(%(days)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.bucket, e.service_name, e.operation, NULL::text AS value, e.calls, e.errors, e.latencies, e.counts
        FROM relayscope.span_metrics_1d AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r)
          AND (e.operation IS NOT NULL) = %(by_operation)s OFFSET 0) AS t
    UNION ALL
    SELECT t.* FROM unnest(%(hours)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.bucket, e.service_name, e.operation, NULL::text AS value, e.calls, e.errors, e.latencies, e.counts
        FROM relayscope.span_metrics_1h AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r)
          AND (e.operation IS NOT NULL) = %(by_operation)s OFFSET 0) AS t
    UNION ALL
    SELECT t.* FROM unnest(%(minutes)s::tstzmultirange) AS r CROSS JOIN LATERAL (
        SELECT e.bucket, e.service_name, e.operation, NULL::text AS value, e.calls, e.errors, e.latencies, e.counts
        FROM relayscope.span_metrics_1m AS e
        WHERE e.workspace_id = %(workspace_id)s AND e.bucket >= lower(r) AND e.bucket < upper(r)
          AND (e.operation IS NOT NULL) = %(by_operation)s OFFSET 0) AS t
    UNION ALL
    SELECT f.place, f.service_name, f.operation, f.value, sum(f.calls)::bigint, sum(f.errors)::bigint,
           array_agg(f.latency), array_agg(f.calls::integer)
    FROM (
        SELECT date_bin(%(step)s, t.start_time, timestamptz 'epoch') AS place, t.service_name, t.operation, t.value, t.latency,
               count(*) AS calls, count(*) FILTER (WHERE t.is_failed) AS errors
        FROM unnest(%(rows)s::tstzmultirange) AS r CROSS JOIN LATERAL (
            SELECT s.start_time, s.service_name, CASE WHEN %(by_operation)s THEN s.name END AS operation,
                   CASE WHEN %(attribute)s::text IS NOT NULL THEN left(coalesce(s.attributes ->> %(attribute)s, (
                       SELECT o.attributes ->> %(attribute)s FROM relayscope.resources AS o
                       WHERE o.workspace_id = %(workspace_id)s AND o.resource_id = s.resource_id)), 255) END AS value,
                   {latency} AS latency, s.status_code = 2 AS is_failed
            FROM relayscope.spans AS s
            WHERE s.workspace_id = %(workspace_id)s AND s.start_time >= lower(r) AND s.start_time < upper(r)
              AND (%(service)s::text IS NULL OR s.service_name = %(service)s)
              AND (%(operation)s::text IS NULL OR s.name = %(operation)s) OFFSET 0) AS t
        GROUP BY 1, t.service_name, t.operation, t.value, t.latency
    ) AS f
    GROUP BY f.place, f.service_name, f.operation, f.value
), grouped AS (
    SELECT date_bin(%(step)s, p.bucket, timestamptz 'epoch') AS place,
           CASE WHEN 'service' = ANY(%(by)s) THEN p.service_name END AS service,
           CASE WHEN 'operation' = ANY(%(by)s) THEN p.operation END AS operation, p.value, p.calls, p.errors, p.latencies, p.counts
    FROM parts AS p
    WHERE (%(service)s::text IS NULL OR p.service_name = %(service)s)
      AND (%(operation)s::text IS NULL OR p.operation = %(operation)s)
), numbered AS MATERIALIZED (
    SELECT g.*, dense_rank() OVER (ORDER BY g.service COLLATE "C", g.operation COLLATE "C", g.value COLLATE "C") AS number FROM grouped AS g
), busiest AS MATERIALIZED (
    SELECT number, sum(calls) AS calls FROM numbered GROUP BY number ORDER BY calls DESC, number LIMIT %(limit)s
), cells AS (
    SELECT c.number, c.place, array_agg(c.latency ORDER BY c.latency) AS latencies, array_agg(c.calls ORDER BY c.latency) AS counts
    FROM (SELECT n.number, n.place, cell.latency, sum(cell.calls) AS calls
          FROM numbered AS n JOIN busiest USING (number) CROSS JOIN LATERAL unnest(n.latencies, n.counts) AS cell (latency, calls)
          GROUP BY n.number, n.place, cell.latency) AS c
    GROUP BY c.number, c.place
)
SELECT n.number, n.service, n.operation, n.value, n.place, n.errors, c.latencies, c.counts
FROM (SELECT number, place, service, operation, value, sum(errors)::bigint AS errors FROM numbered
      GROUP BY number, place, service, operation, value) AS n
JOIN cells AS c USING (number, place) JOIN busiest AS b USING (number)
ORDER BY b.calls DESC, n.number, n.place;
