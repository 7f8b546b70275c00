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
    DENSE_RANK() OVER (ORDER BY g.total DESC NULLS LAST, g.l0 ASC, g.l1 ASC) AS series
  FROM (
    SELECT
      q.*,
      SUM(q.spans) OVER (PARTITION BY q.l0, q.l1) AS total
    FROM (
      SELECT
        CAST(FLOOR(EXTRACT(EPOCH FROM s.start_time) * 1000000 / %(step)s) AS BIGINT) AS bucket,
        TO_JSONB(s.name) AS l0,
        TO_JSONB(
          (
            POWER(
              CAST(2 AS DECIMAL),
              63 - WIDTH_BUCKET(
                -CAST((
                  CASE
                    WHEN JSONB_TYPEOF(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
                    THEN CAST(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
                  END
                ) AS DOUBLE PRECISION),
                CAST(%(v1)s AS DOUBLE PRECISION[])
              )
            )
          )
        ) AS l1,
        COUNT(*) AS measure,
        COUNT(*) AS spans
      FROM w AS s
      WHERE
        CASE
          WHEN JSONB_TYPEOF(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB))) = 'number'
          THEN CAST(NULLIF(s.attributes -> CAST(%(v0)s AS TEXT), CAST('null' AS JSONB)) AS DECIMAL)
        END IS NOT NULL
      GROUP BY
        1,
        2,
        3
    ) AS q
  ) AS g
) AS r
WHERE
  r.series <= %(series)s
ORDER BY
  r.series,
  r.bucket
