-- calls: calls of some services and kinds by service, operation and step
SELECT s.service_name, CASE WHEN %(by_operation)s THEN s.name ELSE '' END AS operation,
       date_bin(%(step)s::interval, s.start_time, 'epoch'::timestamptz) AS step_start,
       count(*) AS calls, count(*) FILTER (WHERE s.status_code = 2) AS errors, NULL::float8 AS latency_ms
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.service_name = ANY(%(services)s) AND s.kind = ANY(%(kinds)s::smallint[])
  AND s.start_time >= %(start)s AND s.start_time < %(end)s
GROUP BY 1, 2, 3;

-- latencies: the same with a quantile of durations
SELECT s.service_name, CASE WHEN %(by_operation)s THEN s.name ELSE '' END AS operation,
       date_bin(%(step)s::interval, s.start_time, 'epoch'::timestamptz) AS step_start,
       count(*) AS calls, count(*) FILTER (WHERE s.status_code = 2) AS errors,
       percentile_cont(%(quantile)s) WITHIN GROUP (ORDER BY greatest(s.duration_ns, 0) / 1e6::float8) AS latency_ms
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.service_name = ANY(%(services)s) AND s.kind = ANY(%(kinds)s::smallint[])
  AND s.start_time >= %(start)s AND s.start_time < %(end)s
GROUP BY 1, 2, 3;
