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
    s.attributes @> CAST(%(v1)s AS JSONB) OR s.attributes @> CAST(%(v2)s AS JSONB)
), n2 AS (
  SELECT
    s.*
  FROM w AS s
  WHERE
    s.name = CAST(%(v3)s AS TEXT)
), n4 AS (
  SELECT
    s.*,
    COUNT(*) OVER (PARTITION BY s.trace_id) AS a3
  FROM n2 AS s
), n5 AS (
  SELECT
    s.*
  FROM n4 AS s
  WHERE
    s.a3 > CAST(%(v4)s AS DECIMAL)
), n6 AS (
  SELECT
    s.*
  FROM w AS s
  WHERE
    (s.trace_id, s.span_id, s.start_time, s.fingerprint) IN (
      SELECT
        l.trace_id,
        l.span_id,
        l.start_time,
        l.fingerprint
      FROM n1 AS l
      UNION
      SELECT
        r.trace_id,
        r.span_id,
        r.start_time,
        r.fingerprint
      FROM n5 AS r
    )
    AND (
      s.trace_id IN (
        SELECT
          l.trace_id
        FROM n1 AS l
      )
      AND s.trace_id IN (
        SELECT
          r.trace_id
        FROM n5 AS r
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
  FROM n6 AS s
) AS s
WHERE
  s.place <= 10 AND s.set_number <= 20
ORDER BY
  s.trace_id,
  s.set_number,
  s.place
