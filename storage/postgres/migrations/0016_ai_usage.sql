-- What AI interactions amount to by the minute, the hour and the day, by all that statistics ask for but users and sessions.

-- Costs are summed by currency, so that is a part of what a row is about; null where nothing was priced. Buckets of tokens are null where
-- nobody told of any.
CREATE TABLE relayscope.ai_usage_1m (
    bucket                timestamptz NOT NULL,
    calls                 bigint NOT NULL,
    streaming             bigint NOT NULL,
    priced                bigint NOT NULL,
    workspace_id          integer NOT NULL,
    is_estimated          boolean NOT NULL,
    service_name          text NOT NULL,
    provider              text NOT NULL,
    model                 text NOT NULL,
    model_requested       text,
    model_family          text,
    operation             text NOT NULL,
    agent                 text,
    status                text NOT NULL,
    currency              text,
    cost_pico             numeric,
    input_tokens          numeric,
    cache_read_tokens     numeric,
    cache_write_tokens    numeric,
    cache_write_5m_tokens numeric,
    cache_write_1h_tokens numeric,
    audio_input_tokens    numeric,
    output_tokens         numeric,
    reasoning_tokens      numeric,
    audio_output_tokens   numeric,
    written               numeric,
    writing_ns            numeric,
    latencies             smallint[] NOT NULL,
    counts                integer[] NOT NULL,
    first_latencies       smallint[] NOT NULL,
    first_counts          integer[] NOT NULL
);
COMMENT ON COLUMN relayscope.ai_usage_1m.written IS 'tokens of answers of which it is known how long it took to write them';
COMMENT ON COLUMN relayscope.ai_usage_1m.first_latencies IS 'latency buckets of the times to the first token';
CREATE INDEX ai_usage_1m_bucket_idx ON relayscope.ai_usage_1m (workspace_id, bucket);
CREATE TABLE relayscope.ai_usage_1h (LIKE relayscope.ai_usage_1m INCLUDING COMMENTS);
CREATE INDEX ai_usage_1h_bucket_idx ON relayscope.ai_usage_1h (workspace_id, bucket);
CREATE TABLE relayscope.ai_usage_1d (LIKE relayscope.ai_usage_1m INCLUDING COMMENTS);
CREATE INDEX ai_usage_1d_bucket_idx ON relayscope.ai_usage_1d (workspace_id, bucket);

-- What is stored already is rolled up from here on.
INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
SELECT DISTINCT workspace_id, 'ai_interactions', date_bin('1 day', start_time, timestamptz 'epoch'), 1440
FROM relayscope.ai_interactions;
