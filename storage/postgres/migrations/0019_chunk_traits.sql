-- Chunks have terms of durations and failures from now on. Those that are stored already may have any of them, which this term says.
UPDATE relayscope.attribute_chunks SET terms = terms || 2718281;

-- A search for an operation or a duration looks at the spans of one service.
CREATE INDEX spans_chunk_service_idx ON relayscope.spans (chunk, service_name) WHERE chunk IS NOT NULL;
DROP INDEX relayscope.spans_chunk_idx;
