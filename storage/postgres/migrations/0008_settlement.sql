-- Interactions for users, and what the leader needs to settle them.

-- New rows: what they say may be told by another trace too, and their words are indexed after the fact. Always the last leaf grows.
CREATE INDEX ai_interactions_arrival_idx ON relayscope.ai_interactions (arrival_id);

-- Up to which row the leader has looked for calls that several traces tell of. One row, or none before it began.
CREATE TABLE relayscope.ai_progress (
    is_only    boolean PRIMARY KEY DEFAULT true,
    arrival_id bigint NOT NULL
);

-- How late settling is.
ALTER TABLE relayscope.ai_arrivals ADD COLUMN arrived_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- Rows come and go here without end, and few are there at a time.
ALTER TABLE relayscope.ai_arrivals SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE relayscope.ai_waiting SET (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 5000);

-- Those that are looked at once more by themselves, and those that are forgotten.
CREATE INDEX ai_waiting_recheck_idx ON relayscope.ai_waiting (recheck_at) WHERE recheck_at IS NOT NULL;
CREATE INDEX ai_waiting_since_idx ON relayscope.ai_waiting (since);

-- As before, but a table with an identity gets partitions without one of their own: PostgreSQL 17 refuses to attach those.
CREATE OR REPLACE FUNCTION relayscope.cover_times(signal_name text, from_time timestamptz, to_time timestamptz)
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
        EXECUTE format('CREATE TABLE relayscope.%I (LIKE relayscope.%I INCLUDING ALL EXCLUDING IDENTITY)', partition_name, signal_name);
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

-- What users see. Amounts are exact. No total is given where nobody told of any part.
CREATE SCHEMA IF NOT EXISTS telemetry;
CREATE VIEW telemetry.ai_interactions AS
SELECT i.workspace_id,
       encode(i.trace_id, 'hex') AS trace_id,
       encode(i.span_id, 'hex') AS span_id,
       encode(i.parent_span_id, 'hex') AS parent_span_id,
       i.start_time,
       i.start_time + i.latency_ns / 1000 * interval '1 microsecond' AS end_time,
       i.latency_ns / 1e6::double precision AS latency_ms,
       i.time_to_first_token_ns / 1e6::double precision AS time_to_first_token_ms,
       CASE WHEN i.latency_ns > coalesce(i.time_to_first_token_ns, 0) AND totals.output_total > 0
            THEN totals.output_total * 1e9::double precision / (i.latency_ns - coalesce(i.time_to_first_token_ns, 0))
       END AS tokens_per_second,
       i.operation,
       i.details ->> 'name' AS name,
       i.service_name,
       i.provider,
       i.model,
       i.model_requested,
       i.model_served,
       i.model_family,
       i.response_id,
       i.request_id,
       i.user_id,
       i.session_id,
       i.organization_id,
       i.agent,
       i.is_streaming,
       i.input_tokens,
       i.cache_read_tokens,
       i.cache_write_tokens,
       i.cache_write_5m_tokens,
       i.cache_write_1h_tokens,
       i.audio_input_tokens,
       i.output_tokens,
       i.reasoning_tokens,
       i.audio_output_tokens,
       totals.input_total AS input_tokens_total,
       totals.output_total AS output_tokens_total,
       CASE WHEN num_nonnulls(totals.input_total, totals.output_total) > 0
            THEN coalesce(totals.input_total, 0) + coalesce(totals.output_total, 0) END AS total_tokens,
       i.is_estimated,
       i.cost_pico * 0.000000000001::numeric AS cost,
       i.currency,
       i.cost_source,
       i.is_discrepant,
       i.finish_reason,
       i.status,
       i.error_class,
       i.details ->> 'error_type' AS error_type,
       i.details ->> 'error_message' AS error_message,
       i.details ->> 'endpoint' AS endpoint,
       i.details -> 'parameters' AS parameters,
       i.details -> 'tags' AS tags,
       i.details -> 'tool_calls' AS tool_calls,
       i.prompt,
       i.response,
       i.convention,
       i.mapper_version
FROM relayscope.ai_interactions AS i
CROSS JOIN LATERAL (
    SELECT CASE WHEN num_nonnulls(i.input_tokens, i.cache_read_tokens, i.cache_write_tokens, i.audio_input_tokens) > 0
                THEN coalesce(i.input_tokens, 0)::bigint + coalesce(i.cache_read_tokens, 0)
                     + coalesce(i.cache_write_tokens, 0) + coalesce(i.audio_input_tokens, 0) END AS input_total,
           CASE WHEN num_nonnulls(i.output_tokens, i.reasoning_tokens, i.audio_output_tokens) > 0
                THEN coalesce(i.output_tokens, 0)::bigint + coalesce(i.reasoning_tokens, 0)
                     + coalesce(i.audio_output_tokens, 0) END AS output_total
) AS totals;
