-- any_waiting: a row when any trace waits for something that is missing
SELECT FROM relayscope.ai_waiting LIMIT 1;

-- wake: an arrival for each of some traces that waits; their ids come in one piece, which is several times faster to send and to
-- read than an array
INSERT INTO relayscope.ai_arrivals (workspace_id, trace_id)
SELECT w.workspace_id, w.trace_id
FROM (SELECT substr(%(trace_ids)s::bytea, n * 16 + 1, 16) AS trace_id FROM generate_series(0, %(count)s::integer - 1) AS n) AS come
JOIN relayscope.ai_waiting AS w ON w.workspace_id = %(workspace_id)s AND w.trace_id = come.trace_id;
