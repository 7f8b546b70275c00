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
  AND (s.start_time, s.trace_id) < (%(below_start)s, %(below_trace_id)s)
  AND NOT EXISTS(
    SELECT
      1
    FROM relayscope.spans AS n
    WHERE
      (
        n.trace_id = s.trace_id
        AND (n.start_time, n.trace_id) >= (%(after_start)s, %(after_trace_id)s)
      )
      AND (
        n.workspace_id = %(workspace_id)s
        AND n.start_time >= %(start_0)s
        AND n.start_time <= %(end_0)s
      )
      AND n.service_name = %(service_1)s
  )
ORDER BY
  s.start_time DESC,
  s.trace_id DESC
LIMIT %(rows)s
