-- survey: the partitions of a signal, oldest first, the one of all other times last
SELECT p.name, CASE WHEN isfinite(p.from_time) THEN p.from_time END AS from_time,
       CASE WHEN isfinite(p.to_time) THEN p.to_time END AS to_time,
       nullif(greatest(c.reltuples::bigint, s.n_live_tup, -1), -1) AS rows,
       pg_total_relation_size(p.relation) AS bytes
FROM relayscope.partitions AS p
JOIN pg_class AS c ON c.oid = p.relation
LEFT JOIN pg_stat_all_tables AS s ON s.relid = p.relation
WHERE p.signal = %(signal)s
ORDER BY p.is_default, p.from_time;

-- limits: dropping needs the table for itself, if only for a moment, and everyone waits behind us meanwhile
SET LOCAL lock_timeout = '250ms';

-- mark_dropped: what is rolled up of a time goes too, for everyone who has sent anything
INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
SELECT w.workspace_id, %(signal)s, part, %(minutes)s
FROM (SELECT DISTINCT workspace_id FROM relayscope.resources) AS w
CROSS JOIN generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 microsecond', %(minutes)s * interval '1 minute') AS part
WHERE %(signal)s IN ('spans', 'ai_interactions');

-- expired: rows of a partition before a time, counted up to a limit
SELECT count(*) FROM (SELECT 1 FROM {partition} WHERE {time} < %(cutoff)s LIMIT %(limit)s) AS counted;

-- remove: removes some rows before a time from a partition
DELETE FROM {partition} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {partition} WHERE {time} < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- remove_rolled_up: the same; what is rolled up of them is made anew
WITH gone AS (
    DELETE FROM {partition} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {partition} WHERE {time} < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING workspace_id, {time}
), marked AS (
    INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
    SELECT DISTINCT workspace_id, {signal}, date_bin('1 hour', {time}, timestamptz 'epoch'), 60 FROM gone
)
SELECT FROM gone;

-- remove_operations: removes some operations that no span can have any more
DELETE FROM relayscope.operations WHERE (workspace_id, operation_id) IN (
    SELECT workspace_id, operation_id FROM relayscope.operations
    WHERE last_seen < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED);
