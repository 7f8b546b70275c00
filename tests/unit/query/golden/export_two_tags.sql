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
  AND (
    (
      s.attributes -> CAST(%(key_1)s AS TEXT)
    ) = ANY(
      CAST(CAST(%(values_1)s AS TEXT[]) AS JSONB[])
    )
    OR s.scope_id IN (
      SELECT
        c.scope_id
      FROM relayscope.scopes AS c
      WHERE
        c.workspace_id = %(workspace_id)s
        AND (
          c.attributes -> CAST(%(key_1)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_1)s AS TEXT[]) AS JSONB[])
        )
    )
    OR s.resource_id IN (
      SELECT
        r.resource_id
      FROM relayscope.resources AS r
      WHERE
        r.workspace_id = %(workspace_id)s
        AND (
          r.attributes -> CAST(%(key_1)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_1)s AS TEXT[]) AS JSONB[])
        )
    )
    OR EXISTS(
      SELECT
        1
      FROM JSONB_ARRAY_ELEMENTS(s.events) AS e(event)
      WHERE
        (
          e.event -> 'attributes' -> CAST(%(key_1)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_1)s AS TEXT[]) AS JSONB[])
        )
    )
    OR EXISTS(
      SELECT
        1
      FROM JSONB_ARRAY_ELEMENTS(s.links) AS l(link)
      WHERE
        (
          l.link -> 'attributes' -> CAST(%(key_1)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_1)s AS TEXT[]) AS JSONB[])
        )
    )
  )
  AND (
    (
      s.attributes -> CAST(%(key_2)s AS TEXT)
    ) = ANY(
      CAST(CAST(%(values_2)s AS TEXT[]) AS JSONB[])
    )
    OR s.scope_id IN (
      SELECT
        c.scope_id
      FROM relayscope.scopes AS c
      WHERE
        c.workspace_id = %(workspace_id)s
        AND (
          c.attributes -> CAST(%(key_2)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_2)s AS TEXT[]) AS JSONB[])
        )
    )
    OR s.resource_id IN (
      SELECT
        r.resource_id
      FROM relayscope.resources AS r
      WHERE
        r.workspace_id = %(workspace_id)s
        AND (
          r.attributes -> CAST(%(key_2)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_2)s AS TEXT[]) AS JSONB[])
        )
    )
    OR EXISTS(
      SELECT
        1
      FROM JSONB_ARRAY_ELEMENTS(s.events) AS e(event)
      WHERE
        (
          e.event -> 'attributes' -> CAST(%(key_2)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_2)s AS TEXT[]) AS JSONB[])
        )
    )
    OR EXISTS(
      SELECT
        1
      FROM JSONB_ARRAY_ELEMENTS(s.links) AS l(link)
      WHERE
        (
          l.link -> 'attributes' -> CAST(%(key_2)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_2)s AS TEXT[]) AS JSONB[])
        )
    )
  )
GROUP BY
  s.trace_id
ORDER BY
  MIN(s.start_time),
  s.trace_id
