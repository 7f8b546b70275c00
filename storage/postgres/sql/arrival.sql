-- any_waiting: a row when any trace waits for something that is missing
SELECT FROM relayscope.ai_waiting LIMIT 1;

-- wake: an arrival for each of some traces that waits
INSERT INTO relayscope.ai_arrivals (workspace_id, trace_id)
SELECT workspace_id, trace_id FROM relayscope.ai_waiting
WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s);
