-- limits: nothing is changed, nobody waits long for us, and we wait for no lock of others
SET TRANSACTION READ ONLY;
SET LOCAL statement_timeout = '2s';
SET LOCAL lock_timeout = '500ms';

-- sizes: of the database, of the spans and of their partitions; reltuples is -1 until a first vacuum or analyze
SELECT pg_database_size(current_database()) AS database_bytes,
       coalesce(sum(p.bytes), 0)::bigint AS spans_bytes,
       coalesce(sum(greatest(p.rows, 0)), 0)::bigint AS spans,
       count(*) FILTER (WHERE NOT p.is_catch_all) AS partitions,
       coalesce(max(p.bytes) FILTER (WHERE NOT p.is_catch_all), 0)::bigint AS largest_partition_bytes,
       coalesce(sum(p.bytes) FILTER (WHERE p.is_catch_all), 0)::bigint AS catch_all_bytes
FROM (
    SELECT coalesce(pg_total_relation_size(c.oid), 0) AS bytes, c.reltuples AS rows,
           c.relname = ANY(%(catch_alls)s) AS is_catch_all
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'relayscope.spans'::regclass
) AS p;

-- newest: seconds since the newest span started; one probe of an index a partition of the last days
SELECT extract(epoch FROM now() - max(newest.start_time))::double precision AS newest_span_age_s
FROM relayscope.workspaces AS w
CROSS JOIN LATERAL (
    SELECT s.start_time FROM relayscope.spans AS s
    WHERE s.workspace_id = w.workspace_id
      AND s.start_time BETWEEN now() - interval '2 days' AND now() + interval '1 hour'
    ORDER BY s.start_time DESC LIMIT 1
) AS newest;

-- search_index: how many interactions wait for the full-text index at most, and for how long there have been any
SELECT waiting.rows AS search_pending,
       CASE WHEN waiting.rows > 0 THEN greatest(extract(epoch FROM now() - waiting.since), 0) ELSE 0
       END::double precision AS search_lag_s
FROM (
    SELECT greatest(coalesce((SELECT max(arrival_id) FROM relayscope.ai_interactions), 0)
                    - coalesce(max(p.seen_to), 0), 0)::bigint AS rows,
           coalesce(max(p.caught_up_at), now()) AS since
    FROM relayscope.ai_search_progress AS p
) AS waiting;
