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
  AND s.name = %(operation_2)s
  AND s.duration_ns >= %(min_duration_ns_3)s
  AND s.duration_ns <= %(max_duration_ns_4)s
  AND s.status_code = ANY(
    %(status_codes_5)s
  )
  AND (
    (
      s.attributes -> CAST(%(key_6)s AS TEXT)
    ) = ANY(
      CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
    )
    OR s.scope_id IN (
      SELECT
        c.scope_id
      FROM relayscope.scopes AS c
      WHERE
        c.workspace_id = %(workspace_id)s
        AND (
          c.attributes -> CAST(%(key_6)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
        )
    )
    OR s.resource_id IN (
      SELECT
        r.resource_id
      FROM relayscope.resources AS r
      WHERE
        r.workspace_id = %(workspace_id)s
        AND (
          r.attributes -> CAST(%(key_6)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
        )
    )
    OR EXISTS(
      SELECT
        1
      FROM JSONB_ARRAY_ELEMENTS(s.events) AS e(event)
      WHERE
        (
          e.event -> 'attributes' -> CAST(%(key_6)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
        )
    )
    OR EXISTS(
      SELECT
        1
      FROM JSONB_ARRAY_ELEMENTS(s.links) AS l(link)
      WHERE
        (
          l.link -> 'attributes' -> CAST(%(key_6)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
        )
    )
  )
  AND s.status_code = 2
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
      AND n.name = %(operation_2)s
      AND n.duration_ns >= %(min_duration_ns_3)s
      AND n.duration_ns <= %(max_duration_ns_4)s
      AND n.status_code = ANY(
        %(status_codes_5)s
      )
      AND (
        (
          n.attributes -> CAST(%(key_6)s AS TEXT)
        ) = ANY(
          CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
        )
        OR n.scope_id IN (
          SELECT
            c.scope_id
          FROM relayscope.scopes AS c
          WHERE
            c.workspace_id = %(workspace_id)s
            AND (
              c.attributes -> CAST(%(key_6)s AS TEXT)
            ) = ANY(
              CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
            )
        )
        OR n.resource_id IN (
          SELECT
            r.resource_id
          FROM relayscope.resources AS r
          WHERE
            r.workspace_id = %(workspace_id)s
            AND (
              r.attributes -> CAST(%(key_6)s AS TEXT)
            ) = ANY(
              CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
            )
        )
        OR EXISTS(
          SELECT
            1
          FROM JSONB_ARRAY_ELEMENTS(n.events) AS e(event)
          WHERE
            (
              e.event -> 'attributes' -> CAST(%(key_6)s AS TEXT)
            ) = ANY(
              CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
            )
        )
        OR EXISTS(
          SELECT
            1
          FROM JSONB_ARRAY_ELEMENTS(n.links) AS l(link)
          WHERE
            (
              l.link -> 'attributes' -> CAST(%(key_6)s AS TEXT)
            ) = ANY(
              CAST(CAST(%(values_6)s AS TEXT[]) AS JSONB[])
            )
        )
      )
      AND n.status_code = 2
  )
ORDER BY
  s.start_time DESC,
  s.trace_id DESC
LIMIT %(rows)s
