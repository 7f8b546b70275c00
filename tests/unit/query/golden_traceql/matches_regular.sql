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
    s.name ~ CAST(%(v0)s AS TEXT)
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
