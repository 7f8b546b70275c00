-- Calls of models, one row each, and what is needed to keep them so while spans and log records come in any order.

-- Eight-byte columns come first, so that no padding is stored. NULL stands for what nobody told; zero is not unknown.
CREATE TABLE relayscope.ai_interactions (
    start_time            timestamptz NOT NULL,
    latency_ns            bigint NOT NULL,
    time_to_first_token_ns bigint,
    cost_pico             bigint,
    arrival_id            bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id          integer NOT NULL,
    input_tokens          integer,
    cache_read_tokens     integer,
    cache_write_tokens    integer,
    cache_write_5m_tokens integer,
    cache_write_1h_tokens integer,
    audio_input_tokens    integer,
    output_tokens         integer,
    reasoning_tokens      integer,
    audio_output_tokens   integer,
    start_time_ns         smallint NOT NULL,
    mapper_version        smallint NOT NULL,
    is_streaming          boolean,
    is_estimated          boolean NOT NULL,
    is_discrepant         boolean NOT NULL,
    trace_id              bytea NOT NULL,
    span_id               bytea NOT NULL,
    parent_span_id        bytea,
    operation             text NOT NULL,
    status                text NOT NULL,
    service_name          text NOT NULL,
    provider              text NOT NULL,
    model                 text NOT NULL,
    model_requested       text,
    model_served          text,
    model_family          text,
    response_id           text,
    request_id            text,
    user_id               text,
    session_id            text,
    organization_id       text,
    agent                 text,
    finish_reason         text,
    error_class           text,
    cost_source           text,
    currency              text,
    convention            text NOT NULL,
    prompt                text,
    response              text,
    details               jsonb NOT NULL
) PARTITION BY RANGE (start_time);

COMMENT ON COLUMN relayscope.ai_interactions.cost_pico IS '10^-12 of the currency, so that sums are exact';
COMMENT ON COLUMN relayscope.ai_interactions.input_tokens IS 'neither from a cache, nor written to one, nor audio: buckets never overlap';
COMMENT ON COLUMN relayscope.ai_interactions.output_tokens IS 'neither reasoning nor audio: buckets never overlap';
COMMENT ON COLUMN relayscope.ai_interactions.model IS 'the model that answered, or that was asked for';
COMMENT ON COLUMN relayscope.ai_interactions.details IS 'name, sources, parameters, tags, tool calls, error, endpoint, lines of the cost, what was reported';

-- The span is the primary one, so a trace has its rows in one place, and the row of a span is never there twice. Two
-- workspaces may hold spans with the same ids.
CREATE UNIQUE INDEX ai_interactions_identity_idx ON relayscope.ai_interactions (trace_id, span_id, start_time, workspace_id);
CREATE INDEX ai_interactions_time_idx ON relayscope.ai_interactions (workspace_id, start_time);
CREATE INDEX ai_interactions_response_idx ON relayscope.ai_interactions (workspace_id, response_id) WHERE response_id IS NOT NULL;
CREATE INDEX ai_interactions_session_idx ON relayscope.ai_interactions (workspace_id, session_id, start_time)
    WHERE session_id IS NOT NULL;

DO $$
DECLARE
    past_end timestamptz := date_trunc('day', now(), 'UTC') - interval '90 days';
    future_start timestamptz := '2100-01-01 00:00:00+00';
BEGIN
    CREATE TABLE relayscope.ai_interactions_default PARTITION OF relayscope.ai_interactions DEFAULT;
    EXECUTE format('CREATE TABLE relayscope.ai_interactions_past PARTITION OF relayscope.ai_interactions '
                   'FOR VALUES FROM (MINVALUE) TO (%L)', past_end);
    EXECUTE format('CREATE TABLE relayscope.ai_interactions_future PARTITION OF relayscope.ai_interactions '
                   'FOR VALUES FROM (%L) TO (MAXVALUE)', future_start);
END
$$;
CREATE INDEX ai_interactions_default_start_idx ON relayscope.ai_interactions_default (start_time);
CREATE INDEX ai_interactions_past_start_idx ON relayscope.ai_interactions_past (start_time);

-- Traces of which a part has come that cannot be told of by itself, since what is above it is missing, or log records belong to it.
-- Written with that part, in one transaction, by adding rows only, so that writers never wait for each other; the leader takes them.
CREATE TABLE relayscope.ai_arrivals (
    arrival_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id integer NOT NULL,
    trace_id     bytea NOT NULL
);

-- Traces of which something is missing still: writers look here, and add an arrival when it comes. Written by the leader only.
CREATE TABLE relayscope.ai_waiting (
    workspace_id integer NOT NULL,
    trace_id     bytea NOT NULL,
    since        timestamptz NOT NULL DEFAULT now(),
    recheck_at   timestamptz,
    PRIMARY KEY (workspace_id, trace_id)
);
