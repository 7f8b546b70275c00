-- Spans, the dictionaries they refer to, and the partitions they live in.

CREATE TABLE relayscope.workspaces (
    workspace_id integer PRIMARY KEY,
    name         text NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now()
);
INSERT INTO relayscope.workspaces (workspace_id, name) VALUES (1, 'default');

-- Dictionaries are content-addressed: an id is a hash of the row's content, so every process computes the same one
-- without asking, and inserting a row twice is harmless.
CREATE TABLE relayscope.resources (
    resource_id              bigint NOT NULL,
    workspace_id             integer NOT NULL,
    schema_url               text,
    dropped_attributes_count bigint,
    attributes               jsonb NOT NULL,
    created_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, resource_id)
);

CREATE TABLE relayscope.scopes (
    scope_id                 bigint NOT NULL,
    workspace_id             integer NOT NULL,
    name                     text NOT NULL,
    version                  text NOT NULL,
    schema_url               text,
    dropped_attributes_count bigint,
    attributes               jsonb NOT NULL,
    created_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, scope_id)
);

-- What the lists of services and operations are read from. The key is a hash, since names may exceed an index entry.
CREATE TABLE relayscope.operations (
    operation_id bigint NOT NULL,
    workspace_id integer NOT NULL,
    kind         smallint NOT NULL,
    service_name text NOT NULL,
    name         text NOT NULL,
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, operation_id)
);
CREATE INDEX operations_service_idx ON relayscope.operations (workspace_id, service_name);

-- Eight-byte columns come first, so that no padding is stored. NULL stands for OTLP's default (0, empty).
CREATE TABLE relayscope.spans (
    start_time               timestamptz NOT NULL,
    duration_ns              bigint NOT NULL,
    fingerprint              bigint NOT NULL,
    resource_id              bigint NOT NULL,
    scope_id                 bigint NOT NULL,
    flags                    bigint,
    dropped_attributes_count bigint,
    dropped_events_count     bigint,
    dropped_links_count      bigint,
    workspace_id             integer NOT NULL,
    start_time_ns            smallint NOT NULL,
    kind                     smallint NOT NULL,
    status_code              smallint NOT NULL,
    trace_id                 bytea NOT NULL,
    span_id                  bytea NOT NULL,
    parent_span_id           bytea,
    service_name             text NOT NULL,
    name                     text NOT NULL,
    trace_state              text,
    status_message           text,
    attributes               jsonb,
    events                   jsonb,
    links                    jsonb,
    redactions               jsonb
) PARTITION BY RANGE (start_time);

COMMENT ON COLUMN relayscope.spans.start_time_ns IS 'nanoseconds below the microsecond of start_time, 0 to 999';
COMMENT ON COLUMN relayscope.spans.fingerprint IS 'hash of workspace and content: a redelivered span is recognised by it';

-- The fingerprint includes the workspace, so two workspaces may hold spans with the same ids.
CREATE UNIQUE INDEX spans_identity_idx ON relayscope.spans (trace_id, span_id, start_time, fingerprint);
CREATE INDEX spans_time_idx ON relayscope.spans (workspace_id, start_time);
CREATE INDEX spans_service_idx ON relayscope.spans (workspace_id, service_name, start_time);

-- Absurd timestamps land here, so that they cost nothing elsewhere.
CREATE TABLE relayscope.spans_default PARTITION OF relayscope.spans DEFAULT;

-- Makes the partition of relayscope.spans for [from_time, to_time) if it is missing, without blocking writers of other
-- partitions: the table is filled from the default partition first and attached last.
CREATE FUNCTION relayscope.ensure_span_partition(partition_name text, from_time timestamptz, to_time timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('relayscope.ensure_span_partition'));
    -- Not to_regclass: it may answer from a cache that is older than the lock.
    IF EXISTS (
        SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'relayscope' AND c.relname = partition_name
    ) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE relayscope.%I (LIKE relayscope.spans INCLUDING ALL)', partition_name);
    EXECUTE format(
        'WITH moved AS (DELETE FROM relayscope.spans_default WHERE start_time >= %L AND start_time < %L RETURNING *) '
        'INSERT INTO relayscope.%I SELECT * FROM moved', from_time, to_time, partition_name);
    EXECUTE format(
        'ALTER TABLE relayscope.spans ATTACH PARTITION relayscope.%I FOR VALUES FROM (%L) TO (%L)',
        partition_name, from_time, to_time);
END
$$;
