-- record: one entry
INSERT INTO relayscope.audit_log (workspace_id, actor, action, detail)
VALUES (%(workspace_id)s, %(actor)s, %(action)s, %(detail)s);

-- entries: of a workspace, newest first
SELECT audit_id, (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor, action, detail
FROM relayscope.audit_log
WHERE workspace_id = %(workspace_id)s AND (%(action)s::text IS NULL OR action = %(action)s)
ORDER BY audit_id DESC
LIMIT %(limit)s;

-- redaction_counts: sums over receipts of spans and log records by entity and key, the most frequent first
WITH receipts AS (
    SELECT s.redactions FROM relayscope.spans AS s
    WHERE s.redactions IS NOT NULL AND s.workspace_id = %(workspace_id)s
      AND s.start_time >= %(start)s AND s.start_time < %(end)s
    UNION ALL
    SELECT r.redactions FROM relayscope.log_records AS r
    WHERE r.redactions IS NOT NULL AND r.workspace_id = %(workspace_id)s
      AND r.time >= %(start)s AND r.time < %(end)s
)
SELECT entity.key AS entity, place.key AS key, sum(entity.value::bigint)::bigint AS values, count(*) AS spans
FROM receipts AS r
CROSS JOIN LATERAL jsonb_each(r.redactions -> 'keys') AS place
CROSS JOIN LATERAL jsonb_each_text(place.value) AS entity
GROUP BY entity.key, place.key
ORDER BY 3 DESC, 1, 2
LIMIT %(limit)s;
