-- Rollups by the minute, for users of SQL: rows of their own workspace only, as in migration 13. See docs/adr/0014 and 0016.

ALTER TABLE relayscope.span_metrics_1m ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.span_metrics_1m FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.service_edges_1m ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.service_edges_1m FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.ai_usage_1m ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.ai_usage_1m FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));

-- Each row of spans of one operation is one of the table; those of all operations of a service together are left out.
CREATE VIEW telemetry.span_metrics WITH (security_invoker) AS
SELECT m.bucket AS time,
       m.service_name,
       m.operation,
       CASE m.kind WHEN 1 THEN 'internal' WHEN 2 THEN 'server' WHEN 3 THEN 'client' WHEN 4 THEN 'producer'
                   WHEN 5 THEN 'consumer' ELSE 'unspecified' END AS kind,
       m.calls,
       m.errors,
       (m.duration_ns / 1000000)::double precision AS total_duration_ms,
       (m.duration_ns / 1000000 / m.calls)::double precision AS mean_duration_ms
FROM relayscope.span_metrics_1m AS m
WHERE m.operation IS NOT NULL;

-- A call is in one row of the table, whichever minutes its witnesses start in. When all is rolled up, all rows hold, so they are added up.
-- Calls that a service of ours answered are taken from those that name a peer: both are counted in the minute of the client.
-- Durations are kept in buckets only, and each is taken for the point of its bucket that storage.latency names.
CREATE VIEW telemetry.service_edges WITH (security_invoker) AS
SELECT g.time,
       g.source,
       g.source_kind,
       g.target,
       g.target_kind,
       g.system,
       g.is_async,
       g.calls,
       g.errors,
       g.total_duration_ms,
       g.total_duration_ms / g.calls AS mean_duration_ms
FROM (
    SELECT e.bucket AS time,
           e.source,
           r.source_kind,
           e.target,
           r.target_kind,
           nullif(e.system, '') AS system,
           r.is_async,
           sum(r.sign * e.calls)::bigint AS calls,
           sum(r.sign * e.errors)::bigint AS errors,
           sum(r.sign * (
               SELECT sum(cell.calls * CASE WHEN cell.latency > 0
                                            THEN 2 * 1.05::double precision ^ (cell.latency - 1) / 2.05 / 1000000 ELSE 0 END)
               FROM unnest(e.latencies, e.counts) AS cell (latency, calls))) AS total_duration_ms
    FROM relayscope.service_edges_1m AS e
    JOIN (VALUES ('call', 'service', 'service', false, 1),
                 ('link', 'service', 'service', true, 1),
                 ('database', 'service', 'database', false, 1),
                 ('produce', 'service', 'messaging', true, 1),
                 ('consume', 'messaging', 'service', true, 1),
                 ('external', 'service', 'external', false, 1),
                 ('answered', 'service', 'external', false, -1))
         AS r (relation, source_kind, target_kind, is_async, sign) ON r.relation = e.relation
    GROUP BY e.bucket, e.source, r.source_kind, e.target, r.target_kind, e.system, r.is_async
    HAVING sum(r.sign * e.calls) > 0
) AS g;

CREATE VIEW telemetry.ai_usage WITH (security_invoker) AS
SELECT u.bucket AS time,
       u.service_name,
       u.provider,
       u.model,
       u.model_requested,
       u.model_family,
       u.operation,
       u.agent,
       u.status,
       u.calls,
       CASE WHEN u.status = 'success' THEN 0 ELSE u.calls END AS errors,
       u.streaming AS streaming_calls,
       u.priced AS priced_calls,
       u.cost_pico * 0.000000000001::numeric AS cost,
       u.currency,
       u.input_tokens::bigint AS input_tokens,
       u.cache_read_tokens::bigint AS cache_read_tokens,
       u.cache_write_tokens::bigint AS cache_write_tokens,
       u.cache_write_5m_tokens::bigint AS cache_write_5m_tokens,
       u.cache_write_1h_tokens::bigint AS cache_write_1h_tokens,
       u.audio_input_tokens::bigint AS audio_input_tokens,
       u.output_tokens::bigint AS output_tokens,
       u.reasoning_tokens::bigint AS reasoning_tokens,
       u.audio_output_tokens::bigint AS audio_output_tokens,
       totals.input_total AS input_tokens_total,
       totals.output_total AS output_tokens_total,
       CASE WHEN num_nonnulls(totals.input_total, totals.output_total) > 0
            THEN coalesce(totals.input_total, 0) + coalesce(totals.output_total, 0) END AS total_tokens,
       u.is_estimated,
       latency.total_ms AS total_latency_ms,
       latency.total_ms / u.calls AS mean_latency_ms
FROM relayscope.ai_usage_1m AS u
CROSS JOIN LATERAL (
    SELECT (CASE WHEN num_nonnulls(u.input_tokens, u.cache_read_tokens, u.cache_write_tokens, u.audio_input_tokens) > 0
                 THEN coalesce(u.input_tokens, 0) + coalesce(u.cache_read_tokens, 0)
                      + coalesce(u.cache_write_tokens, 0) + coalesce(u.audio_input_tokens, 0) END)::bigint AS input_total,
           (CASE WHEN num_nonnulls(u.output_tokens, u.reasoning_tokens, u.audio_output_tokens) > 0
                 THEN coalesce(u.output_tokens, 0) + coalesce(u.reasoning_tokens, 0)
                      + coalesce(u.audio_output_tokens, 0) END)::bigint AS output_total
) AS totals
CROSS JOIN LATERAL (
    SELECT (SELECT sum(cell.calls * CASE WHEN cell.latency > 0
                                         THEN 2 * 1.05::double precision ^ (cell.latency - 1) / 2.05 / 1000000 ELSE 0 END)
            FROM unnest(u.latencies, u.counts) AS cell (latency, calls)) AS total_ms
) AS latency;

COMMENT ON VIEW telemetry.span_metrics IS 'one row for each minute, service, operation and kind of spans: minutes that are not rolled up yet are missing or stale, usually the last one or two, and the answers of the REST API are exact';
COMMENT ON COLUMN telemetry.span_metrics.time IS 'when the minute begins in which the spans start, conditions on it make a query fast, what is not rolled up yet is missing or stale';
COMMENT ON COLUMN telemetry.span_metrics.service_name IS 'service.name of the resource';
COMMENT ON COLUMN telemetry.span_metrics.operation IS 'the name of the spans';
COMMENT ON COLUMN telemetry.span_metrics.kind IS 'internal, server, client, producer, consumer or unspecified';
COMMENT ON COLUMN telemetry.span_metrics.calls IS 'how many spans';
COMMENT ON COLUMN telemetry.span_metrics.errors IS 'how many of them have the status error';
COMMENT ON COLUMN telemetry.span_metrics.total_duration_ms IS 'milliseconds of all of them together';
COMMENT ON COLUMN telemetry.span_metrics.mean_duration_ms IS 'milliseconds of one, over several rows divide the sum of total_duration_ms by that of calls';

COMMENT ON VIEW telemetry.service_edges IS 'one row for each minute and edge of the service map, but for providers of models, which ai_usage has: minutes that are not rolled up yet are missing or stale, usually the last one or two, and the answers of the REST API are exact';
COMMENT ON COLUMN telemetry.service_edges.time IS 'when the minute begins in which the calls start, on the side that is measured, conditions on it make a query fast, what is not rolled up yet is missing or stale';
COMMENT ON COLUMN telemetry.service_edges.source IS 'who calls';
COMMENT ON COLUMN telemetry.service_edges.source_kind IS 'service, or messaging where a service takes messages';
COMMENT ON COLUMN telemetry.service_edges.target IS 'who is called';
COMMENT ON COLUMN telemetry.service_edges.target_kind IS 'service, or database, messaging or external for what sends no spans';
COMMENT ON COLUMN telemetry.service_edges.system IS 'what the end is that is no service, such as postgresql or kafka, null when nobody told';
COMMENT ON COLUMN telemetry.service_edges.is_async IS 'whether it goes through messages, so that nobody waits for it';
COMMENT ON COLUMN telemetry.service_edges.calls IS 'how many calls, counted on the spans of the service that is called, or of the calling one when the other end sends none';
COMMENT ON COLUMN telemetry.service_edges.errors IS 'how many of them failed';
COMMENT ON COLUMN telemetry.service_edges.total_duration_ms IS 'milliseconds of all of them together, off by 2.5 % at most';
COMMENT ON COLUMN telemetry.service_edges.mean_duration_ms IS 'milliseconds of one, off by 2.5 % at most, over several rows divide the sum of total_duration_ms by that of calls';

COMMENT ON VIEW telemetry.ai_usage IS 'one row for each minute and all that calls of models, tools and agents have in common: minutes that are not rolled up yet are missing or stale, usually the last one or two, and the answers of the REST API are exact';
COMMENT ON COLUMN telemetry.ai_usage.time IS 'when the minute begins in which the calls start, conditions on it make a query fast, what is not rolled up yet is missing or stale';
COMMENT ON COLUMN telemetry.ai_usage.service_name IS 'service.name of the resource';
COMMENT ON COLUMN telemetry.ai_usage.provider IS 'who serves the model';
COMMENT ON COLUMN telemetry.ai_usage.model IS 'the model that answered, or that was asked for';
COMMENT ON COLUMN telemetry.ai_usage.model_requested IS 'the model that was asked for';
COMMENT ON COLUMN telemetry.ai_usage.model_family IS 'the model without its version';
COMMENT ON COLUMN telemetry.ai_usage.operation IS 'chat, completion, embedding, tool, agent, workflow, retriever, rerank, guardrail, evaluator, decision, memory or other';
COMMENT ON COLUMN telemetry.ai_usage.agent IS 'the agent';
COMMENT ON COLUMN telemetry.ai_usage.status IS 'success, error or timeout';
COMMENT ON COLUMN telemetry.ai_usage.calls IS 'how many calls';
COMMENT ON COLUMN telemetry.ai_usage.errors IS 'how many of them are no success';
COMMENT ON COLUMN telemetry.ai_usage.streaming_calls IS 'how many of them streamed';
COMMENT ON COLUMN telemetry.ai_usage.priced_calls IS 'how many of them have a cost';
COMMENT ON COLUMN telemetry.ai_usage.cost IS 'exact, of those that have one, null when none has';
COMMENT ON COLUMN telemetry.ai_usage.currency IS 'ISO 4217, of the cost, sums are of one currency each';
COMMENT ON COLUMN telemetry.ai_usage.input_tokens IS 'neither from a cache, nor written to one, nor audio';
COMMENT ON COLUMN telemetry.ai_usage.cache_read_tokens IS 'read from a cache';
COMMENT ON COLUMN telemetry.ai_usage.cache_write_tokens IS 'written to a cache';
COMMENT ON COLUMN telemetry.ai_usage.cache_write_5m_tokens IS 'of those, kept for five minutes';
COMMENT ON COLUMN telemetry.ai_usage.cache_write_1h_tokens IS 'of those, kept for an hour';
COMMENT ON COLUMN telemetry.ai_usage.audio_input_tokens IS 'audio that was heard';
COMMENT ON COLUMN telemetry.ai_usage.output_tokens IS 'neither reasoning nor audio';
COMMENT ON COLUMN telemetry.ai_usage.reasoning_tokens IS 'reasoning';
COMMENT ON COLUMN telemetry.ai_usage.audio_output_tokens IS 'audio that was spoken';
COMMENT ON COLUMN telemetry.ai_usage.input_tokens_total IS 'all input, null when nobody told';
COMMENT ON COLUMN telemetry.ai_usage.output_tokens_total IS 'all output, null when nobody told';
COMMENT ON COLUMN telemetry.ai_usage.total_tokens IS 'all of both, null when nobody told';
COMMENT ON COLUMN telemetry.ai_usage.is_estimated IS 'whether tokens of any of the calls are an estimate';
COMMENT ON COLUMN telemetry.ai_usage.total_latency_ms IS 'milliseconds of all calls together, off by 2.5 % at most';
COMMENT ON COLUMN telemetry.ai_usage.mean_latency_ms IS 'milliseconds of one, off by 2.5 % at most, over several rows divide the sum of total_latency_ms by that of calls';
