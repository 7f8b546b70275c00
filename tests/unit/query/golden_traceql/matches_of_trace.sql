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
), t AS (
  SELECT
    x.trace_id,
    CAST((
      MAX(
        EXTRACT(EPOCH FROM x.start_time) * 1000000000 + x.start_time_ns + GREATEST(x.duration_ns, 0)
      ) - MIN(EXTRACT(EPOCH FROM x.start_time) * 1000000000 + x.start_time_ns)
    ) AS DECIMAL) AS duration_ns,
    (
      ARRAY_AGG(x.name ORDER BY x.start_time, x.start_time_ns, x.span_id) FILTER(WHERE
        x.parent_span_id IS NULL)
    )[1] AS root_name,
    (
      ARRAY_AGG(x.service_name ORDER BY x.start_time, x.start_time_ns, x.span_id) FILTER(WHERE
        x.parent_span_id IS NULL)
    )[1] AS root_service
  FROM relayscope.spans AS x
  WHERE
    x.workspace_id = %(workspace_id)s
    AND x.start_time >= %(near_start)s
    AND x.start_time <= %(near_end)s
    AND (
      x.trace_id = ANY(
        %(trace_ids)s
      )
    )
  GROUP BY
    x.trace_id
), n1 AS (
  SELECT
    s.*
  FROM w AS s
  LEFT JOIN t
    ON t.trace_id = s.trace_id
  WHERE
    t.duration_ns > CAST(%(v0)s AS DECIMAL)
    AND t.root_name = CAST(%(v1)s AS TEXT)
    AND CAST((
      SELECT
        COUNT(*)
      FROM relayscope.spans AS k
      WHERE
        k.workspace_id = %(workspace_id)s
        AND k.trace_id = s.trace_id
        AND k.parent_span_id = s.span_id
        AND k.start_time >= %(near_start)s
        AND k.start_time <= %(near_end)s
    ) AS DECIMAL) = CAST(%(v2)s AS DECIMAL)
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
LEFT JOIN t
  ON t.trace_id = s.trace_id
WHERE
  s.place <= 10 AND s.set_number <= 20
ORDER BY
  s.trace_id,
  s.set_number,
  s.place
