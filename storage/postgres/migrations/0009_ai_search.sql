-- Full-text search over prompts and answers, filled after the fact, so that no write waits for it. See ADR 0011.

-- One row for each interaction with a text. arrival_id is that of the interaction's row when it was indexed: a row that
-- was replaced since has another one, and is indexed again. Queries join with ai_interactions, so that what is gone there
-- is not found here.
CREATE TABLE relayscope.ai_search (
    start_time   timestamptz NOT NULL,
    arrival_id   bigint NOT NULL,
    workspace_id integer NOT NULL,
    trace_id     bytea NOT NULL,
    span_id      bytea NOT NULL,
    words        tsvector NOT NULL
) PARTITION BY RANGE (start_time);

CREATE UNIQUE INDEX ai_search_identity_idx ON relayscope.ai_search (trace_id, span_id, start_time, workspace_id);
CREATE INDEX ai_search_words_idx ON relayscope.ai_search USING gin (words);

DO $$
DECLARE
    past_end timestamptz := date_trunc('day', now(), 'UTC') - interval '90 days';
    future_start timestamptz := '2100-01-01 00:00:00+00';
BEGIN
    CREATE TABLE relayscope.ai_search_default PARTITION OF relayscope.ai_search DEFAULT;
    EXECUTE format('CREATE TABLE relayscope.ai_search_past PARTITION OF relayscope.ai_search '
                   'FOR VALUES FROM (MINVALUE) TO (%L)', past_end);
    EXECUTE format('CREATE TABLE relayscope.ai_search_future PARTITION OF relayscope.ai_search '
                   'FOR VALUES FROM (%L) TO (MAXVALUE)', future_start);
END
$$;
CREATE INDEX ai_search_default_start_idx ON relayscope.ai_search_default (start_time);
CREATE INDEX ai_search_past_start_idx ON relayscope.ai_search_past (start_time);

-- How far the index is. Up to done_to nothing can be missing; between that and seen_to only what transactions brought that
-- ended late. The one row is written by the leader only, at first
-- when it first finds something.
CREATE TABLE relayscope.ai_search_progress (
    only_row     boolean PRIMARY KEY DEFAULT true,
    done_to      bigint NOT NULL,
    seen_to      bigint NOT NULL,
    caught_up_at timestamptz NOT NULL
);
