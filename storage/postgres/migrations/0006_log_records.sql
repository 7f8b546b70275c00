-- Log records, which carry prompts, answers and decisions of half of the field, and whatever else is logged.

-- Eight-byte columns come first, so that no padding is stored. NULL stands for OTLP's default (0, empty). time is when it
-- happened, or when it was observed if that is all that is known.
CREATE TABLE relayscope.log_records (
    time                     timestamptz NOT NULL,
    observed_time            timestamptz,
    fingerprint              bigint NOT NULL,
    resource_id              bigint NOT NULL,
    scope_id                 bigint NOT NULL,
    flags                    bigint,
    dropped_attributes_count bigint,
    workspace_id             integer NOT NULL,
    time_ns                  smallint NOT NULL,
    observed_time_ns         smallint,
    severity_number          smallint NOT NULL,
    has_time                 boolean NOT NULL,
    trace_id                 bytea NOT NULL,
    span_id                  bytea NOT NULL,
    service_name             text NOT NULL,
    event_name               text NOT NULL,
    severity_text            text,
    body                     jsonb,
    attributes               jsonb,
    redactions               jsonb
) PARTITION BY RANGE (time);

COMMENT ON COLUMN relayscope.log_records.time_ns IS 'nanoseconds below the microsecond of time, 0 to 999';
COMMENT ON COLUMN relayscope.log_records.has_time IS 'false when time is that of the observation';
COMMENT ON COLUMN relayscope.log_records.trace_id IS 'no bytes when the record belongs to no trace';
COMMENT ON COLUMN relayscope.log_records.fingerprint IS 'hash of workspace and content: a redelivered record is recognised by it';

CREATE UNIQUE INDEX log_records_identity_idx ON relayscope.log_records (trace_id, span_id, time, fingerprint);
CREATE INDEX log_records_time_idx ON relayscope.log_records (workspace_id, time);
CREATE INDEX log_records_service_idx ON relayscope.log_records (workspace_id, service_name, time);

-- As for spans: absurd times have places of their own, and only those that may still get a partition stay in the default one.
DO $$
DECLARE
    past_end timestamptz := date_trunc('day', now(), 'UTC') - interval '90 days';
    future_start timestamptz := '2100-01-01 00:00:00+00';
BEGIN
    CREATE TABLE relayscope.log_records_default PARTITION OF relayscope.log_records DEFAULT;
    EXECUTE format('CREATE TABLE relayscope.log_records_past PARTITION OF relayscope.log_records '
                   'FOR VALUES FROM (MINVALUE) TO (%L)', past_end);
    EXECUTE format('CREATE TABLE relayscope.log_records_future PARTITION OF relayscope.log_records '
                   'FOR VALUES FROM (%L) TO (MAXVALUE)', future_start);
END
$$;
CREATE INDEX log_records_default_time_idx ON relayscope.log_records_default (time);
CREATE INDEX log_records_past_time_idx ON relayscope.log_records_past (time);
