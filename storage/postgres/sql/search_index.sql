-- quietly: words that are too long to be indexed are nobody's concern
SET client_min_messages = error;

-- progress: how far the index is
SELECT done_to, seen_to FROM relayscope.ai_search_progress;

-- horizon: how far the table is, and between which transactions that is seen
SELECT coalesce((SELECT max(arrival_id) FROM relayscope.ai_interactions), 0) AS newest,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_transaction;

-- slice: the end of the next few rows after one, and how many they are; those are left out that are indexed as they are
SELECT max(slice.arrival_id) AS last, count(*) AS rows
FROM (
    SELECT i.arrival_id
    FROM relayscope.ai_interactions AS i
    WHERE i.arrival_id > %(after)s AND i.arrival_id <= %(until)s
      AND NOT EXISTS (
          SELECT 1 FROM relayscope.ai_search AS s
          WHERE s.trace_id = i.trace_id AND s.span_id = i.span_id AND s.start_time = i.start_time
            AND s.workspace_id = i.workspace_id AND s.arrival_id = i.arrival_id)
    ORDER BY i.arrival_id LIMIT %(limit)s
) AS slice;

-- forget: removes what the traces of a slice have in the index, and no longer in the table
DELETE FROM relayscope.ai_search AS s
WHERE s.trace_id IN (
    SELECT i.trace_id FROM relayscope.ai_interactions AS i WHERE i.arrival_id > %(after)s AND i.arrival_id <= %(until)s)
  AND NOT EXISTS (
    SELECT 1 FROM relayscope.ai_interactions AS i
    WHERE i.trace_id = s.trace_id AND i.span_id = s.span_id AND i.start_time = s.start_time
      AND i.workspace_id = s.workspace_id AND (i.prompt IS NOT NULL OR i.response IS NOT NULL));

-- index: indexes a slice; what stands in angle brackets would be taken for a tag, and not for words
INSERT INTO relayscope.ai_search AS s (start_time, arrival_id, workspace_id, trace_id, span_id, words)
SELECT i.start_time, i.arrival_id, i.workspace_id, i.trace_id, i.span_id,
       to_tsvector('simple', translate(coalesce(left(i.prompt, %(text_chars)s), ''), '<>', '  '))
       || to_tsvector('simple', translate(coalesce(left(i.response, %(text_chars)s), ''), '<>', '  '))
FROM relayscope.ai_interactions AS i
WHERE i.arrival_id > %(after)s AND i.arrival_id <= %(until)s AND (i.prompt IS NOT NULL OR i.response IS NOT NULL)
ON CONFLICT (trace_id, span_id, start_time, workspace_id)
DO UPDATE SET arrival_id = EXCLUDED.arrival_id, words = EXCLUDED.words
WHERE s.arrival_id <> EXCLUDED.arrival_id;

-- advance: notes how far the index is
INSERT INTO relayscope.ai_search_progress AS p (done_to, seen_to, caught_up_at)
VALUES (%(done_to)s, %(seen_to)s, now())
ON CONFLICT (only_row) DO UPDATE SET done_to = EXCLUDED.done_to, seen_to = EXCLUDED.seen_to,
    caught_up_at = CASE WHEN %(is_caught_up)s THEN EXCLUDED.caught_up_at ELSE p.caught_up_at END;
