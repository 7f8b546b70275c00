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
  AND s.scope_id IN (
    SELECT
      c.scope_id
    FROM relayscope.scopes AS c
    WHERE
      c.workspace_id = %(workspace_id)s AND c.name = %(value_1)s
  )
  AND s.scope_id IN (
    SELECT
      c.scope_id
    FROM relayscope.scopes AS c
    WHERE
      c.workspace_id = %(workspace_id)s AND c.version = %(value_2)s
  )
ORDER BY
  s.start_time DESC,
  s.trace_id DESC
LIMIT %(rows)s
