SELECT
  s.trace_id,
  CAST(SUM(COUNT(*)) OVER () AS BIGINT) AS spans
FROM relayscope.spans AS s
WHERE
  (
    s.workspace_id = %(workspace_id)s
    AND s.start_time >= %(start_0)s
    AND s.start_time <= %(end_0)s
  )
  AND s.service_name = %(service_1)s
GROUP BY
  s.trace_id
ORDER BY
  MIN(s.start_time),
  s.trace_id
