-- Bounds of partitions that read the same in every session.

-- The bounds of a partition as they are written, in settings in which that has one meaning: elsewhere a time zone is
-- written as an abbreviation, such as IST, which is read as another one.
CREATE FUNCTION relayscope.bound_of(partition_id oid) RETURNS text
LANGUAGE sql STABLE SET timezone = 'UTC' SET datestyle = 'ISO, YMD'
RETURN (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = partition_id);

-- The partitions of each signal's table, as time ranges. The default partition has none. What is read here has the form
-- 2026-01-15 00:00:00+00, which every session reads alike.
CREATE OR REPLACE VIEW relayscope.partitions AS
SELECT parent.relname::text AS signal, child.relname::text AS name, child.oid AS relation,
       bound.expression = 'DEFAULT' AS is_default,
       CASE WHEN bound.ends[1] = 'MINVALUE' THEN '-infinity' ELSE trim(bound.ends[1], '''')::timestamptz END AS from_time,
       CASE WHEN bound.ends[2] = 'MAXVALUE' THEN 'infinity' ELSE trim(bound.ends[2], '''')::timestamptz END AS to_time
FROM pg_inherits AS i
JOIN pg_class AS child ON child.oid = i.inhrelid
JOIN pg_class AS parent ON parent.oid = i.inhparent
CROSS JOIN LATERAL (SELECT relayscope.bound_of(child.oid) AS expression) AS written
CROSS JOIN LATERAL (
    SELECT written.expression, regexp_match(written.expression, '^FOR VALUES FROM \((.*)\) TO \((.*)\)$') AS ends
) AS bound
WHERE parent.relkind = 'p' AND parent.relnamespace = 'relayscope'::regnamespace;
