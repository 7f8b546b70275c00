-- Partitions of any width side by side, and a default partition that stays small.

-- The partitions of each signal's table, as time ranges. The default partition has none. A cast reads the bounds as they
-- are written, whatever the session's settings.
CREATE VIEW relayscope.partitions AS
SELECT parent.relname::text AS signal, child.relname::text AS name, child.oid AS relation,
       bound.expression = 'DEFAULT' AS is_default,
       CASE WHEN bound.ends[1] = 'MINVALUE' THEN '-infinity' ELSE trim(bound.ends[1], '''')::timestamptz END AS from_time,
       CASE WHEN bound.ends[2] = 'MAXVALUE' THEN 'infinity' ELSE trim(bound.ends[2], '''')::timestamptz END AS to_time
FROM pg_inherits AS i
JOIN pg_class AS child ON child.oid = i.inhrelid
JOIN pg_class AS parent ON parent.oid = i.inhparent
CROSS JOIN LATERAL (SELECT pg_get_expr(child.relpartbound, child.oid) AS expression) AS written
CROSS JOIN LATERAL (
    SELECT written.expression, regexp_match(written.expression, '^FOR VALUES FROM \((.*)\) TO \((.*)\)$') AS ends
) AS bound
WHERE parent.relkind = 'p' AND parent.relnamespace = 'relayscope'::regnamespace;

-- Makes partitions for whatever part of [from_time, to_time) has none, and returns how many it made. A range that is
-- covered already, by partitions of any width, is left as it is; what lies between them gets one partition for each gap.
--
-- Attaching needs a strong lock on the default partition alone, never on the table or on other partitions, so writers of
-- other times go on. Rows are copied out of the default partition before that lock is taken, and only what came since
-- is moved below it. The caller sets lock_timeout.
CREATE FUNCTION relayscope.cover_times(signal_name text, from_time timestamptz, to_time timestamptz)
RETURNS integer LANGUAGE plpgsql SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    gap tstzrange;
    made integer := 0;
    partition_name text;
    time_column text;
    condition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('relayscope.cover_times'));
    SELECT a.attname INTO STRICT time_column
    FROM pg_partitioned_table AS t JOIN pg_attribute AS a ON a.attrelid = t.partrelid AND a.attnum = t.partattrs[0]
    WHERE t.partrelid = format('relayscope.%I', signal_name)::regclass;
    FOR gap IN
        SELECT unnest(tstzmultirange(tstzrange(cover_times.from_time, cover_times.to_time))
                      - coalesce(range_agg(tstzrange(p.from_time, p.to_time)), tstzmultirange()))
        FROM relayscope.partitions AS p WHERE p.signal = signal_name AND NOT p.is_default
    LOOP
        partition_name := signal_name || CASE
            WHEN lower(gap) = date_trunc('day', lower(gap)) AND upper(gap) = lower(gap) + interval '1 day'
            THEN to_char(lower(gap), '_YYYYMMDD') ELSE to_char(lower(gap), '_YYYYMMDD_HH24') END;
        condition := format('%I >= %L AND %I < %L', time_column, lower(gap), time_column, upper(gap));
        EXECUTE format('CREATE TABLE relayscope.%I (LIKE relayscope.%I INCLUDING ALL)', partition_name, signal_name);
        EXECUTE format('INSERT INTO relayscope.%I SELECT * FROM relayscope.%I WHERE %s',
            partition_name, signal_name || '_default', condition);
        -- The weaker lock first: nobody is kept waiting for the strong one while we wait for, say, an ANALYZE.
        EXECUTE format('LOCK TABLE ONLY relayscope.%I IN SHARE UPDATE EXCLUSIVE MODE', signal_name);
        EXECUTE format('LOCK TABLE relayscope.%I IN ACCESS EXCLUSIVE MODE', signal_name || '_default');
        EXECUTE format(
            'WITH moved AS (DELETE FROM relayscope.%I WHERE %s RETURNING *) '
            'INSERT INTO relayscope.%I SELECT * FROM moved ON CONFLICT DO NOTHING',
            signal_name || '_default', condition, partition_name);
        EXECUTE format('ALTER TABLE relayscope.%I ATTACH PARTITION relayscope.%I FOR VALUES FROM (%L) TO (%L)',
            signal_name, partition_name, lower(gap), upper(gap));
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- The previous release calls this; its names are those of whole days.
CREATE OR REPLACE FUNCTION relayscope.ensure_span_partition(partition_name text, from_time timestamptz, to_time timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM relayscope.cover_times('spans', from_time, to_time);
END
$$;

-- Attaching a partition reads the whole default partition below the strong lock. So times that are certainly absurd have
-- places of their own, and only those that may still get a partition stay in the default one: from 90 days before now, or
-- from the oldest partition, until the year 2100.
DO $$
DECLARE
    past_end timestamptz := (
        SELECT least(date_trunc('day', now(), 'UTC') - interval '90 days', min(p.from_time))
        FROM relayscope.partitions AS p WHERE p.signal = 'spans');
    future_start timestamptz := '2100-01-01 00:00:00+00';
BEGIN
    LOCK TABLE ONLY relayscope.spans IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE relayscope.spans_default IN ACCESS EXCLUSIVE MODE;
    CREATE TABLE relayscope.spans_past (LIKE relayscope.spans INCLUDING ALL);
    CREATE TABLE relayscope.spans_future (LIKE relayscope.spans INCLUDING ALL);
    WITH moved AS (DELETE FROM relayscope.spans_default WHERE start_time < past_end RETURNING *)
    INSERT INTO relayscope.spans_past SELECT * FROM moved;
    WITH moved AS (DELETE FROM relayscope.spans_default WHERE start_time >= future_start RETURNING *)
    INSERT INTO relayscope.spans_future SELECT * FROM moved;
    EXECUTE format('ALTER TABLE relayscope.spans ATTACH PARTITION relayscope.spans_past '
                   'FOR VALUES FROM (MINVALUE) TO (%L)', past_end);
    EXECUTE format('ALTER TABLE relayscope.spans ATTACH PARTITION relayscope.spans_future '
                   'FOR VALUES FROM (%L) TO (MAXVALUE)', future_start);
END
$$;

-- Rows of a time range are looked for in these, whatever their workspace: to move them, or to remove them.
CREATE INDEX spans_default_start_idx ON relayscope.spans_default (start_time);
CREATE INDEX spans_past_start_idx ON relayscope.spans_past (start_time);
