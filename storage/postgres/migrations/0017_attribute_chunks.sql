-- Search by attributes: spans are found by the terms of the chunk that they came in. See ADR 0015.

-- What is stored so far, and what the previous release stores from now on, has no chunk, and is found without.
ALTER TABLE relayscope.spans ADD COLUMN chunk integer;
COMMENT ON COLUMN relayscope.spans.chunk IS 'number of the chunk whose terms are in attribute_chunks, spans without one are searched row by row';
-- The archive has rows of the same shape; nobody searches it.
ALTER TABLE relayscope.archived_spans ADD COLUMN chunk integer;
CREATE INDEX spans_chunk_idx ON relayscope.spans (chunk) WHERE chunk IS NOT NULL;
CREATE INDEX spans_unindexed_idx ON relayscope.spans (workspace_id, start_time) WHERE chunk IS NULL;

-- A chunk is what came together and starts in the same hour, from from_time until to_time. Terms are hashes of all different
-- attributes of its spans. Rows with the same number belong together. Those of no spans say that the chunk's terms have
-- to be made anew, since a span of it was replaced.
CREATE TABLE relayscope.attribute_chunks (
    to_time      timestamptz NOT NULL,
    from_time    timestamptz NOT NULL,
    workspace_id integer NOT NULL,
    chunk        integer NOT NULL,
    spans        integer NOT NULL,
    terms        integer[] NOT NULL
) PARTITION BY RANGE (to_time);
-- Hashes do not get smaller by trying.
ALTER TABLE relayscope.attribute_chunks ALTER COLUMN terms SET STORAGE EXTERNAL;

CREATE INDEX attribute_chunks_terms_idx ON relayscope.attribute_chunks USING gin (terms);
CREATE INDEX attribute_chunks_chunk_idx ON relayscope.attribute_chunks (chunk);
CREATE INDEX attribute_chunks_stale_idx ON relayscope.attribute_chunks (chunk) WHERE spans = 0;

DO $$
DECLARE
    past_end timestamptz := date_trunc('day', now(), 'UTC') - interval '90 days';
    future_start timestamptz := '2100-01-01 00:00:00+00';
BEGIN
    CREATE TABLE relayscope.attribute_chunks_default PARTITION OF relayscope.attribute_chunks DEFAULT;
    EXECUTE format('CREATE TABLE relayscope.attribute_chunks_past PARTITION OF relayscope.attribute_chunks '
                   'FOR VALUES FROM (MINVALUE) TO (%L)', past_end);
    EXECUTE format('CREATE TABLE relayscope.attribute_chunks_future PARTITION OF relayscope.attribute_chunks '
                   'FOR VALUES FROM (%L) TO (MAXVALUE)', future_start);
END
$$;
CREATE INDEX attribute_chunks_default_to_idx ON relayscope.attribute_chunks_default (to_time);
CREATE INDEX attribute_chunks_past_to_idx ON relayscope.attribute_chunks_past (to_time);
