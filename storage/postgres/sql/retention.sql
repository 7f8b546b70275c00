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

-- expired_spans_past: spans before a time in the partition of the past, counted up to a limit
SELECT count(*) FROM (SELECT 1 FROM relayscope.spans_past WHERE start_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- expired_spans_default: the same of the default partition
SELECT count(*) FROM (SELECT 1 FROM relayscope.spans_default WHERE start_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- remove_spans_past: removes some spans before a time from the partition of the past; what is rolled up of them is made anew
WITH gone AS (
    DELETE FROM relayscope.spans_past WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM relayscope.spans_past WHERE start_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING workspace_id, start_time
), marked AS (
    INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
    SELECT DISTINCT workspace_id, 'spans', date_bin('1 hour', start_time, timestamptz 'epoch'), 60 FROM gone
)
SELECT FROM gone;

-- remove_spans_default: the same from the default partition; what is rolled up of them is made anew
WITH gone AS (
    DELETE FROM relayscope.spans_default WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM relayscope.spans_default WHERE start_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING workspace_id, start_time
), marked AS (
    INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
    SELECT DISTINCT workspace_id, 'spans', date_bin('1 hour', start_time, timestamptz 'epoch'), 60 FROM gone
)
SELECT FROM gone;

-- remove_operations_of_spans: removes some operations that no span can have any more
DELETE FROM relayscope.operations WHERE (workspace_id, operation_id) IN (
    SELECT workspace_id, operation_id FROM relayscope.operations
    WHERE last_seen < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED);

-- expired_attribute_chunks_past: chunks that end before a time in the partition of the past, counted up to a limit
SELECT count(*) FROM (
    SELECT 1 FROM relayscope.attribute_chunks_past WHERE to_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- expired_attribute_chunks_default: the same of the default partition
SELECT count(*) FROM (
    SELECT 1 FROM relayscope.attribute_chunks_default WHERE to_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- remove_attribute_chunks_past: removes some chunks that end before a time from the partition of the past
DELETE FROM relayscope.attribute_chunks_past WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.attribute_chunks_past
    WHERE to_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- remove_attribute_chunks_default: the same from the default partition
DELETE FROM relayscope.attribute_chunks_default WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.attribute_chunks_default
    WHERE to_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- expired_ai_search_past: entries of the search index before a time in the partition of the past, counted up to a limit
SELECT count(*) FROM (SELECT 1 FROM relayscope.ai_search_past WHERE start_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- expired_ai_search_default: the same of the default partition
SELECT count(*) FROM (
    SELECT 1 FROM relayscope.ai_search_default WHERE start_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- remove_ai_search_past: removes some entries of the search index before a time from the partition of the past
DELETE FROM relayscope.ai_search_past WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.ai_search_past WHERE start_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- remove_ai_search_default: the same from the default partition
DELETE FROM relayscope.ai_search_default WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.ai_search_default WHERE start_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- expired_log_records_past: log records before a time in the partition of the past, counted up to a limit
SELECT count(*) FROM (SELECT 1 FROM relayscope.log_records_past WHERE time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- expired_log_records_default: the same of the default partition
SELECT count(*) FROM (SELECT 1 FROM relayscope.log_records_default WHERE time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- remove_log_records_past: removes some log records before a time from the partition of the past
DELETE FROM relayscope.log_records_past WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.log_records_past WHERE time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- remove_log_records_default: the same from the default partition
DELETE FROM relayscope.log_records_default WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.log_records_default WHERE time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- expired_ai_interactions_past: interactions before a time in the partition of the past, counted up to a limit
SELECT count(*) FROM (
    SELECT 1 FROM relayscope.ai_interactions_past WHERE start_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- expired_ai_interactions_default: interactions before a time in the default partition, counted up to a limit
SELECT count(*) FROM (
    SELECT 1 FROM relayscope.ai_interactions_default WHERE start_time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- remove_ai_interactions_past: removes some interactions before a time from the partition of the past; what is rolled up of them is made anew
WITH gone AS (
    DELETE FROM relayscope.ai_interactions_past WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM relayscope.ai_interactions_past
    WHERE start_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING workspace_id, start_time
), marked AS (
    INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
    SELECT DISTINCT workspace_id, 'ai_interactions', date_bin('1 hour', start_time, timestamptz 'epoch'), 60 FROM gone
)
SELECT FROM gone;

-- remove_ai_interactions_default: removes some interactions before a time from the default partition; what is rolled up of them is made anew
WITH gone AS (
    DELETE FROM relayscope.ai_interactions_default WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM relayscope.ai_interactions_default
    WHERE start_time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING workspace_id, start_time
), marked AS (
    INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
    SELECT DISTINCT workspace_id, 'ai_interactions', date_bin('1 hour', start_time, timestamptz 'epoch'), 60 FROM gone
)
SELECT FROM gone;

-- expired_decisions_past: decisions before a time in the partition of the past, counted up to a limit
SELECT count(*) FROM (SELECT 1 FROM relayscope.decisions_past WHERE time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- expired_decisions_default: decisions before a time in the default partition, counted up to a limit
SELECT count(*) FROM (SELECT 1 FROM relayscope.decisions_default WHERE time < %(cutoff)s LIMIT %(limit)s) AS counted;

-- remove_decisions_past: removes some decisions before a time from the partition of the past
DELETE FROM relayscope.decisions_past WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.decisions_past WHERE time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));

-- remove_decisions_default: removes some decisions before a time from the default partition
DELETE FROM relayscope.decisions_default WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM relayscope.decisions_default WHERE time < %(cutoff)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED));
