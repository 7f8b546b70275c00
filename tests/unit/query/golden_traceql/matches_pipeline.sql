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
), n2 AS (
  SELECT
    s.*,
    TO_JSONB(s.name) AS g1
  FROM w AS s
), n4 AS (
  SELECT
    s.*,
    AVG(CAST(s.duration_ns AS DECIMAL)) OVER (PARTITION BY s.trace_id, s.g1) AS a3
  FROM n2 AS s
), n5 AS (
  SELECT
    s.*
  FROM n4 AS s
  WHERE
    s.a3 > CAST(%(v0)s AS DECIMAL)
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
  s.matched,
  s.g1 AS v0,
  TO_JSONB(s.a3) AS v1,
  NULLIF(s.attributes -> CAST(%(v1)s AS TEXT), CAST('null' AS JSONB)) AS v2,
  CASE s.kind
    WHEN 0
    THEN CAST('"unspecified"' AS JSONB)
    WHEN 1
    THEN CAST('"internal"' AS JSONB)
    WHEN 2
    THEN CAST('"server"' AS JSONB)
    WHEN 3
    THEN CAST('"client"' AS JSONB)
    WHEN 4
    THEN CAST('"producer"' AS JSONB)
    WHEN 5
    THEN CAST('"consumer"' AS JSONB)
    ELSE TO_JSONB(s.kind)
  END AS v3
FROM (
  SELECT
    s.*,
    COUNT(*) OVER (PARTITION BY s.trace_id, s.g1) AS matched,
    ROW_NUMBER() OVER (
      PARTITION BY s.trace_id, s.g1
      ORDER BY s.start_time, s.start_time_ns, s.span_id, s.fingerprint
    ) AS place,
    DENSE_RANK() OVER (PARTITION BY s.trace_id ORDER BY s.trace_id, s.g1) AS set_number
  FROM n5 AS s
) AS s
WHERE
  s.place <= 10 AND s.set_number <= 20
ORDER BY
  s.trace_id,
  s.set_number,
  s.place
