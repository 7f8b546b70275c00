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
        NOT (
          s.resource_id IN (
            SELECT
              r.resource_id
            FROM relayscope.resources AS r
            WHERE
              r.workspace_id = %(workspace_id)s
              AND (
                (
                  r.attributes -> CAST(%(v0)s AS TEXT)
                ) <> CAST('null' AS JSONB)
              )
          )
        ) IS TRUE
        OR s.scope_id IN (
          SELECT
            c.scope_id
          FROM relayscope.scopes AS c
          WHERE
            c.workspace_id = %(workspace_id)s
            AND (
              (
                c.attributes -> CAST(%(v1)s AS TEXT)
              ) <> CAST('null' AS JSONB)
            )
        )
      )
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
        NOT (
          n.resource_id IN (
            SELECT
              r.resource_id
            FROM relayscope.resources AS r
            WHERE
              r.workspace_id = %(workspace_id)s
              AND (
                (
                  r.attributes -> CAST(%(v0)s AS TEXT)
                ) <> CAST('null' AS JSONB)
              )
          )
        ) IS TRUE
        OR n.scope_id IN (
          SELECT
            c.scope_id
          FROM relayscope.scopes AS c
          WHERE
            c.workspace_id = %(workspace_id)s
            AND (
              (
                c.attributes -> CAST(%(v1)s AS TEXT)
              ) <> CAST('null' AS JSONB)
            )
        )
      )
  )
ORDER BY
  s.start_time DESC,
  s.trace_id DESC
LIMIT %(rows)s
