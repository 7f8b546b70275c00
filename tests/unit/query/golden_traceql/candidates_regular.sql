SELECT
  s.trace_id,
  s.start_time
FROM relayscope.spans AS s
WHERE
  (
    (
      (
        s.workspace_id = %(workspace_id)s
        AND s.start_time >= %(start)s
        AND s.start_time <= %(end)s
      )
      AND s.name ~ CAST(%(v0)s AS TEXT)
    )
    AND (s.start_time, s.trace_id) < (%(below_start)s, %(below_trace_id)s)
  )
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
        AND n.start_time >= %(start)s
        AND n.start_time <= %(end)s
      )
      AND n.name ~ CAST(%(v0)s AS TEXT)
  )
ORDER BY
  s.start_time DESC,
  s.trace_id DESC
LIMIT %(rows)s
