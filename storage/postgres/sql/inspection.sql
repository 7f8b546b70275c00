-- limits: nothing is changed, nobody waits long for us
SET TRANSACTION READ ONLY;
SET LOCAL statement_timeout = '10s';

-- server: version, durability, rights and size; works on any server and without our schema
SELECT current_setting('server_version') AS server_version,
       current_setting('server_encoding') AS server_encoding,
       current_setting('fsync') = 'on' AS fsync,
       current_setting('full_page_writes') = 'on' AS full_page_writes,
       current_setting('synchronous_commit') NOT IN ('off', 'local') AS synchronous_commit,
       has_database_privilege(current_database(), 'CREATE') AS can_create_schema,
       coalesce(has_schema_privilege(to_regnamespace('relayscope')::oid, 'CREATE'),
                has_database_privilege(current_database(), 'CREATE')) AS can_create_tables,
       coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('relayscope.spans')),
                true) AS owns_tables,
       has_database_privilege(current_database(), 'TEMPORARY') AS can_create_temporary_tables,
       pg_database_size(current_database()) AS size_bytes,
       to_regclass('relayscope.migrations') IS NOT NULL AS has_migrations,
       to_regclass('relayscope.partitions') IS NOT NULL AS has_spans;

-- schema_version: the newest migration that was applied
SELECT max(version) AS schema_version FROM relayscope.migrations;

-- spans: partitions by time, and the spans that are in none, counted up to a limit since there can be many
SELECT (SELECT count(*) FROM relayscope.partitions AS p
        WHERE p.signal = 'spans' AND NOT p.is_default AND isfinite(p.from_time) AND isfinite(p.to_time)) AS partitions,
       (SELECT count(*) FROM (
            SELECT 1 FROM relayscope.spans_default UNION ALL SELECT 1 FROM relayscope.spans_past
            UNION ALL SELECT 1 FROM relayscope.spans_future LIMIT %(limit)s) AS counted) AS default_spans;
