WITH RECURSIVE w AS (
  SELECT
    s.*
  FROM relayscope.spans AS s
  WHERE
    s.workspace_id = %(workspace_id)s
    AND s.start_time >= %(start)s
    AND s.start_time <= %(end)s
), n1 AS (
  SELECT
    s.*
  FROM w AS s
  WHERE
    s.status_code = CAST(%(v0)s AS SMALLINT)
)
SELECT
  r.*
FROM (
  SELECT
    g.*,
    DENSE_RANK() OVER (ORDER BY g.total DESC NULLS LAST, g.l0 ASC) AS series
  FROM (
    SELECT
      q.*,
      SUM(q.spans) OVER (PARTITION BY q.l0) AS total
    FROM (
      SELECT
        CAST(FLOOR(EXTRACT(EPOCH FROM s.start_time) * 1000000 / %(step)s) AS BIGINT) AS bucket,
        CASE
          WHEN LENGTH(s.service_name) BETWEEN 1 AND 254
          THEN TO_JSONB(s.service_name)
          ELSE (
            SELECT
              NULLIF(r.attributes -> CAST(%(v1)s AS TEXT), CAST('null' AS JSONB))
            FROM relayscope.resources AS r
            WHERE
              r.workspace_id = %(workspace_id)s AND r.resource_id = s.resource_id
          )
        END AS l0,
        COUNT(*) / (
          %(step)s / 1000000.0
        ) AS measure,
        COUNT(*) AS spans
      FROM n1 AS s
      GROUP BY
        1,
        2
    ) AS q
  ) AS g
) AS r
WHERE
  r.series <= %(series)s
ORDER BY
  r.series,
  r.bucket
