WITH RECURSIVE w AS (
  SELECT
    s.*
  FROM relayscope.spans AS s
  WHERE
    s.workspace_id = %(workspace_id)s
    AND s.start_time >= %(start)s
    AND s.start_time <= %(end)s
)
SELECT
  r.*
FROM (
  SELECT
    g.*,
    DENSE_RANK() OVER (ORDER BY g.total DESC NULLS LAST) AS series
  FROM (
    SELECT
      q.*,
      SUM(q.spans) OVER () AS total
    FROM (
      SELECT
        CAST(FLOOR(EXTRACT(EPOCH FROM s.start_time) * 1000000 / %(step)s) AS BIGINT) AS bucket,
        PERCENTILE_CONT(CAST(%(v0)s AS DOUBLE PRECISION[])) WITHIN GROUP (ORDER BY
          CAST((
            CAST(s.duration_ns AS DECIMAL) / 1000000000
          ) AS DOUBLE PRECISION)) AS measure,
        COUNT(*) AS spans
      FROM w AS s
      WHERE
        CAST(s.duration_ns AS DECIMAL) IS NOT NULL
      GROUP BY
        1
    ) AS q
  ) AS g
) AS r
WHERE
  r.series <= %(series)s
ORDER BY
  r.series,
  r.bucket
