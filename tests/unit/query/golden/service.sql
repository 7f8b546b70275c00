SELECT
  s.trace_id,
  s.start_time
FROM relayscope.spans AS s
WHERE
  (
    s.workspace_id = %(workspace_id)s
    AND s.start_time >= %(start_0)s
    AND s.start_time <= %(end_0)s
  )
  AND s.service_name = %(service_1)s
ORDER BY
  s.start_time DESC,
  s.trace_id DESC
LIMIT %(rows)s
