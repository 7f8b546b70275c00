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
    s.status_code = CAST(%(v0)s AS SMALLINT)
), n2 AS (
  SELECT
    s.*
  FROM w AS s
  WHERE
    s.kind = CAST(%(v0)s AS SMALLINT)
), n3 AS (
  SELECT
    l.trace_id,
    l.span_id
  FROM n1 AS l
  UNION
  SELECT
    k.trace_id,
    k.span_id
  FROM w AS k
  JOIN n3 AS d
    ON k.trace_id = d.trace_id AND k.parent_span_id = d.span_id
), n4 AS (
  SELECT
    s.*
  FROM n2 AS s
  WHERE
    NOT EXISTS(
      SELECT
        1
      FROM n3 AS d
      WHERE
        d.trace_id = s.trace_id AND d.span_id = s.parent_span_id
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
  FROM n4 AS s
) AS s
WHERE
  s.place <= 10 AND s.set_number <= 20
ORDER BY
  s.trace_id,
  s.set_number,
  s.place
