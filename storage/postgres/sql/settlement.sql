-- arrivals: the oldest arrivals but those of some traces; parallel arrays
SELECT a.arrival_id, a.workspace_id, a.trace_id, extract(epoch FROM clock_timestamp() - a.arrived_at)::float8 AS age_s
FROM relayscope.ai_arrivals AS a
WHERE (a.workspace_id, a.trace_id) NOT IN (
    SELECT * FROM unnest(%(workspace_ids)s::integer[], %(trace_ids)s::bytea[]))
ORDER BY a.arrival_id LIMIT %(limit)s;

-- newest_arrival: the number of the newest arrival that is there
SELECT coalesce(max(arrival_id), 0) FROM relayscope.ai_arrivals;

-- any_arrival: a row when an arrival up to a number is there
SELECT FROM relayscope.ai_arrivals WHERE arrival_id <= %(up_to)s LIMIT 1;

-- take_arrivals: removes arrivals that are settled, in the transaction that settles them
DELETE FROM relayscope.ai_arrivals WHERE arrival_id = ANY(%(ids)s);

-- rechecks: waiting traces that are looked at once more, since writers may not have seen that they wait; once those have ended
SELECT w.workspace_id, w.trace_id FROM relayscope.ai_waiting AS w
WHERE w.recheck_at <= now() AND w.recheck_at <= (
    SELECT coalesce(min(a.xact_start), now()) FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid())
ORDER BY w.recheck_at LIMIT %(limit)s;

-- wait: notes that something is missing of some traces of a workspace; what waits already goes on waiting. The time is that
-- of the statement, which is close to the commit: whoever begins after that sees that they wait
INSERT INTO relayscope.ai_waiting (workspace_id, trace_id, recheck_at)
SELECT %(workspace_id)s, given.trace_id, clock_timestamp() + %(soon_s)s * interval '1 second'
FROM unnest(%(trace_ids)s::bytea[]) AS given (trace_id)
ON CONFLICT DO NOTHING;

-- rechecked: notes that traces were looked at once more; the first time was soon, and the next is when a commit of ours that took
-- long must have ended too
UPDATE relayscope.ai_waiting
SET recheck_at = CASE WHEN recheck_at < since + %(recheck_s)s * interval '1 second'
                      THEN since + %(recheck_s)s * interval '1 second' END
WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s);

-- end_waiting: notes that nothing is missing of some traces any more
DELETE FROM relayscope.ai_waiting WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s);

-- forget: removes traces that have waited for too long; how many
DELETE FROM relayscope.ai_waiting WHERE since < now() - %(patience_s)s * interval '1 second';

-- backlog: what there is to do, counted up to a limit
SELECT (SELECT count(*) FROM (SELECT FROM relayscope.ai_arrivals LIMIT %(limit)s) AS counted) AS arrivals,
       (SELECT count(*) FROM (SELECT FROM relayscope.ai_waiting LIMIT %(limit)s) AS counted) AS waiting;

-- newest_interaction: the number of the newest row of an interaction, be it committed or not; 0 before there was any
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM relayscope.ai_interactions_arrival_id_seq;

-- newest_decision: the same of decisions
SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM relayscope.decisions_arrival_id_seq;

-- transactions: the oldest transaction that is not over, and the next one that begins
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next;

-- progress_of_interactions: up to which row calls that several traces tell of were looked for
SELECT coalesce(max(arrival_id), 0) FROM relayscope.ai_progress;

-- advance_interactions: notes that
INSERT INTO relayscope.ai_progress (arrival_id) VALUES (%(arrival_id)s)
ON CONFLICT (is_only) DO UPDATE SET arrival_id = excluded.arrival_id;

-- new_interactions: interactions after some row
SELECT arrival_id, workspace_id, trace_id, response_id, start_time AS time FROM relayscope.ai_interactions
WHERE arrival_id > %(after)s
ORDER BY arrival_id LIMIT %(limit)s;

-- progress_of_decisions: up to which row decisions that their trace tells of elsewhere too were looked for
SELECT coalesce(max(arrival_id), 0) FROM relayscope.decision_progress;

-- advance_decisions: notes that
INSERT INTO relayscope.decision_progress (arrival_id) VALUES (%(arrival_id)s)
ON CONFLICT (is_only) DO UPDATE SET arrival_id = excluded.arrival_id;

-- new_decisions: decisions of traces after some row
SELECT arrival_id, workspace_id, trace_id, time FROM relayscope.decisions
WHERE arrival_id > %(after)s AND trace_id <> ''
ORDER BY arrival_id LIMIT %(limit)s;

-- disagreeing: of some traces, those with two rows of one decision, with rows that disagree about what stands above them, or with a
-- decision that knows no outcome beside the call of a model; in a range of time
SELECT d.trace_id FROM relayscope.decisions AS d
WHERE d.workspace_id = %(workspace_id)s AND d.trace_id = ANY(%(trace_ids)s)
  AND d.time BETWEEN %(start)s AND %(end)s
GROUP BY d.trace_id
HAVING count(*) > count(DISTINCT d.decision_id)
    OR count(DISTINCT (d.request_id, d.user_id, d.session_id, d.organization_id, d.request_path, d.final_provider,
                       d.final_model, d.final_status, d.is_final_stated)) > 1
    OR bool_or(d.final_status IS NULL) AND EXISTS (
        SELECT FROM relayscope.ai_interactions AS i
        WHERE i.workspace_id = %(workspace_id)s AND i.trace_id = d.trace_id AND i.operation = ANY(%(calls)s)
          AND i.start_time BETWEEN %(start)s AND %(end)s);

-- begin: what a transaction that changes rows begins with. Others wait behind us while we wait; settling, reprocessing and
-- repricing never change rows at the same time; no partition is being made meanwhile, so that no row moves out of our
-- sight; few rows are found among many
SELECT set_config('lock_timeout', '2s', true) AS patience, set_config('enable_seqscan', 'off', true) AS planning,
       pg_advisory_xact_lock(hashtext('relayscope.interactions')) AS alone,
       pg_advisory_xact_lock_shared(hashtext('relayscope.cover_times')) AS partitions;

-- spans: all spans of some traces, to be fetched
DECLARE evidence NO SCROLL CURSOR FOR
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s);

-- named_spans: spans of a trace by their ids
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.trace_id = ANY(%(trace_ids)s) AND s.span_id = ANY(%(span_ids)s);

-- log_records: all log records of some traces, or of sessions without a trace, to be fetched
DECLARE evidence NO SCROLL CURSOR FOR
SELECT r.trace_id, r.span_id, r.time, r.time_ns, r.has_time, r.observed_time, r.observed_time_ns, r.flags,
       r.severity_number, r.severity_text, r.event_name, r.body, r.attributes, r.dropped_attributes_count, r.redactions,
       r.resource_id, r.scope_id, r.ai_trace_id
FROM relayscope.log_records AS r
WHERE r.workspace_id = %(workspace_id)s AND (r.trace_id = ANY(%(trace_ids)s) OR r.ai_trace_id = ANY(%(trace_ids)s));

-- fetch: the next ones
FETCH 200 FROM evidence;

-- close: no more of them
CLOSE evidence;

-- sharing: rows that tell some response ids, in a range of time
SELECT i.trace_id, i.response_id, i.start_time FROM relayscope.ai_interactions AS i
WHERE i.workspace_id = %(workspace_id)s AND i.response_id = ANY(%(response_ids)s)
  AND i.start_time BETWEEN %(start)s AND %(end)s
LIMIT %(limit)s;

-- tied: rows without a response id that stand with another trace, of which some traces tell too, in a range of time
SELECT given.trace_id AS told_by, tied.trace_id
FROM unnest(%(trace_ids)s::bytea[]) AS given (trace_id) CROSS JOIN LATERAL (
    SELECT i.trace_id FROM relayscope.ai_interactions AS i
    WHERE i.workspace_id = %(workspace_id)s AND i.start_time BETWEEN %(start)s AND %(end)s
      AND i.response_id IS NULL AND jsonb_array_length(i.details -> 'sources') > 1
      AND (i.details -> 'sources') @> jsonb_build_array(jsonb_build_object('trace_id', encode(given.trace_id, 'hex')))
      AND i.trace_id <> given.trace_id
    LIMIT %(limit)s) AS tied;

-- remove_interactions: rows by their identity; parallel arrays
DELETE FROM relayscope.ai_interactions AS i
USING unnest(%(trace_ids)s::bytea[], %(keys)s::bytea[], %(moments)s::timestamptz[]) AS old (trace_id, span_id, start_time)
WHERE i.trace_id = old.trace_id AND i.span_id = old.span_id AND i.start_time = old.start_time
  AND i.workspace_id = %(workspace_id)s;

-- remove_decisions: the same
DELETE FROM relayscope.decisions AS d
USING unnest(%(trace_ids)s::bytea[], %(keys)s::text[], %(moments)s::timestamptz[]) AS old (trace_id, decision_id, time)
WHERE d.trace_id = old.trace_id AND d.decision_id = old.decision_id AND d.time = old.time
  AND d.workspace_id = %(workspace_id)s;
