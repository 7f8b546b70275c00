-- tables: tables of our schema with the columns that can hold text, and the column that tells a row's time
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, root.relname::text AS shown_name,
       greatest(c.reltuples, 0)::bigint AS expected_rows,
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE
           t.typcategory IN ('S', 'U') AND t.typname <> 'uuid' OR e.typcategory = 'S' OR e.typname IN ('jsonb', 'bytea')
       ) AS columns,
       array_agg(t.typname::text ORDER BY a.attnum) FILTER (WHERE
           t.typcategory IN ('S', 'U') AND t.typname <> 'uuid' OR e.typcategory = 'S' OR e.typname IN ('jsonb', 'bytea')
       ) AS types,
       (array_agg(a.attname::text ORDER BY array_position(%(times)s::text[], a.attname::text))
           FILTER (WHERE t.typname = 'timestamptz' AND a.attname = ANY (%(times)s::text[])))[1] AS time_column,
       max(a.attname::text) FILTER (WHERE a.attname = 'workspace_id' AND t.typname = 'int4') AS workspace_column
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_type AS e ON e.oid = t.typelem AND t.typcategory = 'A'
WHERE n.nspname = 'relayscope' AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
GROUP BY n.nspname, c.oid, c.relname, root.relname, c.reltuples
ORDER BY root.relname, c.relname;

-- dumped_tables: every table that a dump would hold, in any schema that is not the server's own, with all columns
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, root.relname::text AS shown_name,
       greatest(c.reltuples, 0)::bigint AS expected_rows,
       array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       array_agg(CASE WHEN t.typcategory IN ('N', 'D', 'B', 'T') OR t.typname = 'uuid' THEN NULL
                      ELSE t.typname::text END ORDER BY a.attnum) AS types,
       NULL AS time_column,
       max(a.attname::text) FILTER (WHERE a.attname = 'workspace_id' AND t.typname = 'int4' AND a.attnotnull
                                    AND n.nspname = 'relayscope') AS workspace_column
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND NOT starts_with(n.nspname, 'pg_temp_')
  AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
GROUP BY n.nspname, c.oid, c.relname, root.relname, c.reltuples
ORDER BY n.nspname, root.relname, c.relname;

-- schema_texts: what else a dump says, and the values that the planner keeps as statistics
SELECT 'comment' AS source, d.objoid::regclass::text AS place, 'text' AS type, d.description AS text
FROM pg_description AS d JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT 'function', p.proname::text, 'text', p.prosrc FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT 'view', v.viewname::text, 'text', v.definition FROM pg_views AS v
WHERE v.schemaname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT 'statistics', s.tablename || '.' || s.attname, t.typname::text, kept.value
FROM pg_stats AS s
JOIN pg_namespace AS n ON n.nspname = s.schemaname
JOIN pg_class AS c ON c.relname = s.tablename AND c.relnamespace = n.oid
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = s.attname
JOIN pg_type AS t ON t.oid = a.atttypid
CROSS JOIN LATERAL unnest(s.most_common_vals::text::text[] || s.histogram_bounds::text::text[]) AS kept (value)
WHERE s.schemaname NOT IN ('pg_catalog', 'information_schema')
  AND (t.typcategory = 'S' OR t.typname IN ('jsonb', 'json', 'bytea'));

-- look_only: nothing is changed, and the rows of a table are those of one moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- lock_runs: one run at a time, over all processes that share the database; the end of the session frees it
SELECT pg_try_advisory_lock(hashtext('relayscope.redaction'));

-- unfinished: the run to go on with: the newest of this policy, when nothing was started after it
SELECT run_id FROM relayscope.redaction_runs AS r
WHERE r.policy_hash = %(policy)s AND r.finished_at IS NULL
  AND r.run_id = (SELECT max(run_id) FROM relayscope.redaction_runs);

-- begin: a new run
INSERT INTO relayscope.redaction_runs (policy_hash) VALUES (%(policy)s) RETURNING run_id;

-- finish: ends a run; its counts stay
UPDATE relayscope.redaction_runs SET finished_at = now() WHERE run_id = %(run)s;

-- add_entities: what a page has replaced, added to the run's counts
UPDATE relayscope.redaction_runs AS r SET entities = r.entities || (
    SELECT coalesce(jsonb_object_agg(n.entity, n.count + coalesce((r.entities ->> n.entity)::bigint, 0)), '{}')
    FROM unnest(%(entities)s::text[], %(counts)s::bigint[]) AS n (entity, count)
) WHERE r.run_id = %(run)s;

-- entities: what a run has replaced so far
SELECT e.key, e.value::bigint FROM relayscope.redaction_runs AS r CROSS JOIN LATERAL jsonb_each_text(r.entities) AS e
WHERE r.run_id = %(run)s ORDER BY e.key;

-- partitions: those of some signals that a run has not finished, with where it stands, oldest first
SELECT p.signal, p.name, g.trace_id, g.span_id, g.start_us
FROM relayscope.partitions AS p
LEFT JOIN relayscope.redaction_progress AS g ON g.run_id = %(run)s AND g.partition = p.name
WHERE p.signal = ANY(%(signals)s) AND g.is_done IS NOT TRUE
ORDER BY p.is_default, p.from_time, p.signal DESC;

-- archive: the archive, unless a run has finished it, with where it stands; it has no partitions
SELECT %(name)s::text AS signal, %(name)s::text AS name, g.trace_id, g.span_id, g.start_us
FROM (SELECT 1) AS one
LEFT JOIN relayscope.redaction_progress AS g ON g.run_id = %(run)s AND g.partition = %(name)s
WHERE g.is_done IS NOT TRUE;

-- expected: how many rows of some signals and of the archive there are, as PostgreSQL estimates
SELECT coalesce(sum(greatest(c.reltuples, s.n_live_tup, 0)), 0)::bigint
FROM (
    SELECT p.relation FROM relayscope.partitions AS p WHERE p.signal = ANY(%(signals)s)
    UNION ALL
    SELECT ('relayscope.' || %(archive)s::text)::regclass
) AS looked (relation)
JOIN pg_class AS c ON c.oid = looked.relation
LEFT JOIN pg_stat_all_tables AS s ON s.relid = looked.relation;

-- totals: the counts of a run so far
SELECT coalesce(sum(spans) FILTER (WHERE NOT starts_with(partition, 'log_records_')), 0)::bigint AS spans,
       coalesce(sum(spans) FILTER (WHERE starts_with(partition, 'log_records_')), 0)::bigint AS log_records,
       coalesce(sum(changed), 0)::bigint AS changed,
       coalesce(sum(skipped), 0)::bigint AS skipped
FROM relayscope.redaction_progress WHERE run_id = %(run)s;

-- advance: notes how far a partition is done; in the transaction that replaces the rows
INSERT INTO relayscope.redaction_progress AS g
    (run_id, partition, trace_id, span_id, start_us, spans, changed, skipped)
VALUES (%(run)s, %(partition)s, %(trace_id)s, %(span_id)s, %(start_us)s, %(spans)s, %(changed)s, %(skipped)s)
ON CONFLICT (run_id, partition) DO UPDATE
SET trace_id = excluded.trace_id, span_id = excluded.span_id, start_us = excluded.start_us,
    spans = g.spans + excluded.spans, changed = g.changed + excluded.changed,
    skipped = g.skipped + excluded.skipped;

-- end_partition: notes that nothing is left of a partition, be it that it is gone
INSERT INTO relayscope.redaction_progress AS g
    (run_id, partition, trace_id, span_id, start_us, spans, changed, skipped, is_done)
VALUES (%(run)s, %(partition)s, '', '', 0, 0, 0, 0, true)
ON CONFLICT (run_id, partition) DO UPDATE SET is_done = true;

-- touched: partitions with dead rows that hold old values, and the archive, of which nobody counts all
SELECT g.partition FROM relayscope.redaction_progress AS g
LEFT JOIN relayscope.partitions AS p ON p.name = g.partition AND p.signal = ANY(%(signals)s)
WHERE g.run_id = %(run)s AND NOT g.is_vacuumed
  AND (p.name IS NOT NULL AND g.changed > 0 OR g.partition = %(archive)s::text)
ORDER BY g.partition;

-- vacuumed: notes that a partition has none any more
UPDATE relayscope.redaction_progress SET is_vacuumed = true WHERE run_id = %(run)s AND partition = %(partition)s;

-- page_of_spans: the next spans of a partition by ids and start; those with the same come together, since a replaced one gets
-- another fingerprint, and must not come once more
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id, s.fingerprint,
       s.workspace_id, s.chunk
FROM relayscope.{partition} AS s
WHERE (s.trace_id, s.span_id, s.start_time) > (%(trace_id)s, %(span_id)s, %(start)s::timestamptz)
ORDER BY s.trace_id, s.span_id, s.start_time
FETCH FIRST %(limit)s ROWS WITH TIES;

-- remove_spans: takes out spans by their identity, and says which were there still; parallel arrays
DELETE FROM relayscope.{partition} AS s
USING unnest(%(trace_ids)s::bytea[], %(span_ids)s::bytea[], %(starts)s::timestamptz[], %(fingerprints)s::bigint[])
      AS old (trace_id, span_id, start_time, fingerprint)
WHERE s.trace_id = old.trace_id AND s.span_id = old.span_id AND s.start_time = old.start_time
  AND s.fingerprint = old.fingerprint
RETURNING s.trace_id, s.span_id, s.start_time, s.fingerprint;

-- stale_chunks: some chunks of which a span was replaced, and when their spans start
SELECT c.workspace_id, c.chunk, min(c.from_time) AS from_time, max(c.to_time) AS to_time
FROM relayscope.attribute_chunks AS c
WHERE (c.workspace_id, c.chunk) IN (
    SELECT DISTINCT workspace_id, chunk FROM relayscope.attribute_chunks WHERE spans = 0 LIMIT %(limit)s)
GROUP BY c.workspace_id, c.chunk;

-- one_snapshot: first in a transaction: what it reads and what it removes belong together, whatever is stored meanwhile
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- remove_chunk: takes out what is stored of a chunk
DELETE FROM relayscope.attribute_chunks WHERE workspace_id = %(workspace_id)s AND chunk = %(chunk)s;

-- spans_of_chunk: the spans of a chunk
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id, s.service_name
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.chunk = %(chunk)s
  AND s.start_time >= %(from)s AND s.start_time <= %(to)s;

-- page_of_log_records: the same of log records
SELECT r.time AS start_time, r.time, r.time_ns, r.has_time, r.observed_time, r.observed_time_ns, r.trace_id, r.span_id,
       r.flags, r.severity_number, r.severity_text, r.event_name, r.body, r.attributes, r.dropped_attributes_count,
       r.redactions, r.resource_id, r.scope_id, r.ai_trace_id, r.fingerprint, r.workspace_id
FROM relayscope.{partition} AS r
WHERE (r.trace_id, r.span_id, r.time) > (%(trace_id)s, %(span_id)s, %(start)s::timestamptz)
ORDER BY r.trace_id, r.span_id, r.time
FETCH FIRST %(limit)s ROWS WITH TIES;

-- remove_log_records: the same of log records
DELETE FROM relayscope.{partition} AS r
USING unnest(%(trace_ids)s::bytea[], %(span_ids)s::bytea[], %(starts)s::timestamptz[], %(fingerprints)s::bigint[])
      AS old (trace_id, span_id, start_time, fingerprint)
WHERE r.trace_id = old.trace_id AND r.span_id = old.span_id AND r.time = old.start_time
  AND r.fingerprint = old.fingerprint
RETURNING r.trace_id, r.span_id, r.time AS start_time, r.fingerprint;

-- patience: others wait behind us while we wait
SET LOCAL lock_timeout = '2s';

-- keep_partitions: no partition is being made meanwhile: rows are copied to it before they are moved, and what is replaced
-- between the two would come back with it
SELECT pg_advisory_xact_lock_shared(hashtext('relayscope.cover_times'));

-- resource_page: the next resources of all workspaces, by key
SELECT workspace_id, resource_id, schema_url, dropped_attributes_count, attributes FROM relayscope.resources
WHERE (workspace_id, resource_id) > (%(workspace_id)s::integer, %(id)s::bigint)
ORDER BY workspace_id, resource_id LIMIT %(limit)s;

-- scope_page: the next scopes of all workspaces, by key
SELECT workspace_id, scope_id, name, version, schema_url, dropped_attributes_count, attributes FROM relayscope.scopes
WHERE (workspace_id, scope_id) > (%(workspace_id)s::integer, %(id)s::bigint)
ORDER BY workspace_id, scope_id LIMIT %(limit)s;

-- operation_page: the next operations of all workspaces, by key
SELECT workspace_id, operation_id, kind, service_name, name FROM relayscope.operations
WHERE (workspace_id, operation_id) > (%(workspace_id)s::integer, %(id)s::bigint)
ORDER BY workspace_id, operation_id LIMIT %(limit)s;

-- overwrite_resource: puts redacted content in the place of a resource, under the id that late spans may still refer to
UPDATE relayscope.resources SET schema_url = %(schema_url)s, attributes = %(attributes)s::jsonb
WHERE workspace_id = %(workspace_id)s AND resource_id = %(id)s;

-- overwrite_scope: the same for a scope
UPDATE relayscope.scopes
SET name = %(name)s, version = %(version)s, schema_url = %(schema_url)s, attributes = %(attributes)s::jsonb
WHERE workspace_id = %(workspace_id)s AND scope_id = %(id)s;

-- remove_operation: its redacted twin stands beside it
DELETE FROM relayscope.operations WHERE workspace_id = %(workspace_id)s AND operation_id = %(id)s;

-- vacuum: dead rows go from the table, its indexes and its TOAST, and samples of old values from the statistics
VACUUM (ANALYZE, INDEX_CLEANUP ON, TRUNCATE OFF) relayscope.{table};

-- analyze: the statistics of tables as a whole, whose samples are values too
ANALYZE relayscope.spans, relayscope.log_records, relayscope.ai_interactions, relayscope.decisions;
