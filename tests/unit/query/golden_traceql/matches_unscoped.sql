WITH RECURSIVE w AS (
  SELECT
    s.*
  FROM relayscope.spans AS s
  WHERE
    (
      s.workspace_id = %(workspace_id)s
      AND s.start_time >= %(start)s
      AND s.start_time <= %(end)s
    )
    AND s.trace_id = ANY(
      %(trace_ids)s
    )
), n1 AS (
  SELECT
    s.*
  FROM w AS s
  WHERE
    JSONB_PATH_EXISTS(
      (
        s.attributes -> CAST(%(v0)s AS TEXT)
      ),
      CAST(%(v4)s AS jsonpath),
      CAST(%(v3)s AS JSONB)
    )
    OR (
      NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) IS NULL
      AND (
        s.resource_id IN (
          SELECT
            r.resource_id
          FROM relayscope.resources AS r
          WHERE
            r.workspace_id = %(workspace_id)s
            AND JSONB_PATH_EXISTS(
              (
                r.attributes -> CAST(%(v0)s AS TEXT)
              ),
              CAST(%(v4)s AS jsonpath),
              CAST(%(v3)s AS JSONB)
            )
        )
      )
    )
)
SELECT
  s.trace_id,
  s.span_id,
  s.start_time,
  s.start_time_ns,
  s.duration_ns,
  s.name,
  s.service_name,
  s.set_number,
  s.matched
FROM (
  SELECT
    s.*,
    COUNT(*) OVER (PARTITION BY s.trace_id) AS matched,
    ROW_NUMBER() OVER (
      PARTITION BY s.trace_id
      ORDER BY s.start_time, s.start_time_ns, s.span_id, s.fingerprint
    ) AS place,
    DENSE_RANK() OVER (PARTITION BY s.trace_id ORDER BY s.trace_id) AS set_number
  FROM n1 AS s
) AS s
WHERE
  s.place <= 10 AND s.set_number <= 20
ORDER BY
  s.trace_id,
  s.set_number,
  s.place
