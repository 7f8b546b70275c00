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
      AND (
        CASE
          WHEN (
            SCALE(
              CASE
                WHEN JSONB_TYPEOF(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
                THEN CAST(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
              END
            ) = 0
          )
          THEN TRUNC(
            (
              CASE
                WHEN JSONB_TYPEOF(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
                THEN CAST(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
              END / NULLIF(CAST(%(v1)s AS DECIMAL), 0)
            )
          )
          ELSE (
            CASE
              WHEN JSONB_TYPEOF(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
              THEN CAST(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
            END / NULLIF(CAST(%(v1)s AS DECIMAL), 0)
          )
        END + CAST(%(v2)s AS DECIMAL)
      ) > CAST(s.duration_ns AS DECIMAL)
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
      AND (
        CASE
          WHEN (
            SCALE(
              CASE
                WHEN JSONB_TYPEOF(NULLIF(n.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
                THEN CAST(NULLIF(n.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
              END
            ) = 0
          )
          THEN TRUNC(
            (
              CASE
                WHEN JSONB_TYPEOF(NULLIF(n.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
                THEN CAST(NULLIF(n.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
              END / NULLIF(CAST(%(v1)s AS DECIMAL), 0)
            )
          )
          ELSE (
            CASE
              WHEN JSONB_TYPEOF(NULLIF(n.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
              THEN CAST(NULLIF(n.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
            END / NULLIF(CAST(%(v1)s AS DECIMAL), 0)
          )
        END + CAST(%(v2)s AS DECIMAL)
      ) > CAST(n.duration_ns AS DECIMAL)
  )
ORDER BY
  s.start_time DESC,
  s.trace_id DESC
LIMIT %(rows)s
