-- What users see over SQL: their own workspace only, whoever they are. See docs/adr/0014.

-- Which workspace a role of the server sees. A role that is not listed sees nothing.
CREATE TABLE relayscope.workspace_roles (
    role_name    name PRIMARY KEY,
    workspace_id integer NOT NULL
);
COMMENT ON TABLE relayscope.workspace_roles IS 'which workspace a role sees in the views of the schema telemetry';

-- A role reads rows of its own workspace from these tables, through views that ask with its own rights, and nothing else
-- of the schema. The owner, who writes, is not bound. The workspace is read once, as a value from outside of the query, so
-- that indexes serve it; what a user puts into a condition is looked at after that, unless PostgreSQL knows that it tells
-- nobody of its arguments.
ALTER TABLE relayscope.workspace_roles ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_role ON relayscope.workspace_roles FOR SELECT USING (role_name = current_user);
ALTER TABLE relayscope.spans ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.spans FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.resources ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.resources FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.scopes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.scopes FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.operations ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.operations FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.log_records ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.log_records FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.ai_interactions ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.ai_interactions FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));
ALTER TABLE relayscope.decisions ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON relayscope.decisions FOR SELECT
    USING (workspace_id = (SELECT w.workspace_id FROM relayscope.workspace_roles AS w WHERE w.role_name = current_user));

-- Ends a statement of a user whose row is larger than what will be taken from it, before it is sent.
CREATE FUNCTION telemetry.fits(bytes integer, bound integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF bytes > bound THEN
        RAISE program_limit_exceeded USING MESSAGE = 'a row is too large';
    END IF;
    RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION telemetry.fits(integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION telemetry.fits(integer, integer) IS 'raises program_limit_exceeded when a row is larger than the bound';

-- These views stood here without a boundary. Their first column, the workspace, goes, and trace_key comes.
DROP VIEW telemetry.ai_interactions;
DROP VIEW telemetry.decision_traces;
DROP VIEW telemetry.decisions;

CREATE VIEW telemetry.spans WITH (security_invoker) AS
SELECT encode(s.trace_id, 'hex') AS trace_id,
       encode(s.span_id, 'hex') AS span_id,
       encode(s.parent_span_id, 'hex') AS parent_span_id,
       s.name,
       CASE s.kind WHEN 1 THEN 'internal' WHEN 2 THEN 'server' WHEN 3 THEN 'client' WHEN 4 THEN 'producer'
                   WHEN 5 THEN 'consumer' ELSE 'unspecified' END AS kind,
       s.service_name,
       s.start_time,
       s.start_time + s.duration_ns / 1000 * interval '1 microsecond' AS end_time,
       s.duration_ns / 1e6::double precision AS duration_ms,
       CASE s.status_code WHEN 1 THEN 'ok' WHEN 2 THEN 'error' ELSE 'unset' END AS status,
       s.status_message,
       coalesce(s.attributes, '{}'::jsonb) AS attributes,
       r.attributes AS resource,
       c.name AS scope_name,
       c.version AS scope_version,
       coalesce(s.events, '[]'::jsonb) AS events,
       coalesce(s.links, '[]'::jsonb) AS links,
       s.trace_state,
       s.duration_ns,
       s.start_time_ns,
       s.redactions,
       s.trace_id AS trace_key
FROM relayscope.spans AS s
LEFT JOIN relayscope.resources AS r ON r.workspace_id = s.workspace_id AND r.resource_id = s.resource_id
LEFT JOIN relayscope.scopes AS c ON c.workspace_id = s.workspace_id AND c.scope_id = s.scope_id;

-- What is told of the rest of a trace lies near its root, and only those partitions are looked into.
CREATE VIEW telemetry.traces WITH (security_invoker) AS
SELECT encode(s.trace_id, 'hex') AS trace_id,
       s.name AS root_name,
       s.service_name AS root_service_name,
       s.start_time,
       s.duration_ns / 1e6::double precision AS duration_ms,
       CASE s.status_code WHEN 1 THEN 'ok' WHEN 2 THEN 'error' ELSE 'unset' END AS status,
       (SELECT count(*) FROM relayscope.spans AS p
        WHERE p.trace_id = s.trace_id AND p.workspace_id = s.workspace_id
              AND p.start_time BETWEEN s.start_time - interval '1 hour' AND s.start_time + interval '1 day') AS span_count,
       (SELECT count(*) FROM relayscope.spans AS p
        WHERE p.trace_id = s.trace_id AND p.workspace_id = s.workspace_id AND p.status_code = 2
              AND p.start_time BETWEEN s.start_time - interval '1 hour' AND s.start_time + interval '1 day') AS error_count,
       (SELECT array_agg(DISTINCT p.service_name) FROM relayscope.spans AS p
        WHERE p.trace_id = s.trace_id AND p.workspace_id = s.workspace_id
              AND p.start_time BETWEEN s.start_time - interval '1 hour' AND s.start_time + interval '1 day') AS services,
       coalesce(s.attributes, '{}'::jsonb) AS root_attributes,
       s.trace_id AS trace_key
FROM relayscope.spans AS s
WHERE s.parent_span_id IS NULL;

CREATE VIEW telemetry.services WITH (security_invoker) AS
SELECT o.service_name,
       count(*) AS operation_count,
       min(o.first_seen) AS first_seen,
       max(o.last_seen) AS last_seen
FROM relayscope.operations AS o
GROUP BY o.service_name;

CREATE VIEW telemetry.log_records WITH (security_invoker) AS
SELECT l.time,
       l.observed_time,
       encode(nullif(l.trace_id, ''::bytea), 'hex') AS trace_id,
       encode(nullif(l.span_id, ''::bytea), 'hex') AS span_id,
       l.service_name,
       nullif(l.event_name, '') AS event_name,
       l.severity_text,
       l.severity_number,
       l.body #>> '{}' AS message,
       l.body,
       coalesce(l.attributes, '{}'::jsonb) AS attributes,
       r.attributes AS resource,
       c.name AS scope_name,
       c.version AS scope_version,
       l.redactions,
       l.trace_id AS trace_key
FROM relayscope.log_records AS l
LEFT JOIN relayscope.resources AS r ON r.workspace_id = l.workspace_id AND r.resource_id = l.resource_id
LEFT JOIN relayscope.scopes AS c ON c.workspace_id = l.workspace_id AND c.scope_id = l.scope_id;

CREATE VIEW telemetry.ai_interactions WITH (security_invoker) AS
SELECT encode(i.trace_id, 'hex') AS trace_id,
       encode(i.span_id, 'hex') AS span_id,
       encode(i.parent_span_id, 'hex') AS parent_span_id,
       i.start_time,
       i.start_time + i.latency_ns / 1000 * interval '1 microsecond' AS end_time,
       i.latency_ns / 1e6::double precision AS latency_ms,
       i.time_to_first_token_ns / 1e6::double precision AS time_to_first_token_ms,
       CASE WHEN i.latency_ns > coalesce(i.time_to_first_token_ns, 0) AND totals.output_total > 0
            THEN totals.output_total * 1e9::double precision / (i.latency_ns - coalesce(i.time_to_first_token_ns, 0))
       END AS tokens_per_second,
       i.operation,
       i.details ->> 'name' AS name,
       i.service_name,
       i.provider,
       i.model,
       i.model_requested,
       i.model_served,
       i.model_family,
       i.response_id,
       i.request_id,
       i.user_id,
       i.session_id,
       i.organization_id,
       i.agent,
       i.is_streaming,
       i.input_tokens,
       i.cache_read_tokens,
       i.cache_write_tokens,
       i.cache_write_5m_tokens,
       i.cache_write_1h_tokens,
       i.audio_input_tokens,
       i.output_tokens,
       i.reasoning_tokens,
       i.audio_output_tokens,
       totals.input_total AS input_tokens_total,
       totals.output_total AS output_tokens_total,
       CASE WHEN num_nonnulls(totals.input_total, totals.output_total) > 0
            THEN coalesce(totals.input_total, 0) + coalesce(totals.output_total, 0) END AS total_tokens,
       i.is_estimated,
       i.cost_pico * 0.000000000001::numeric AS cost,
       i.currency,
       i.cost_source,
       i.is_discrepant,
       i.finish_reason,
       i.status,
       i.error_class,
       i.details ->> 'error_type' AS error_type,
       i.details ->> 'error_message' AS error_message,
       i.details ->> 'endpoint' AS endpoint,
       i.details -> 'parameters' AS parameters,
       i.details -> 'tags' AS tags,
       i.details -> 'tool_calls' AS tool_calls,
       i.prompt,
       i.response,
       i.convention,
       i.mapper_version,
       i.trace_id AS trace_key
FROM relayscope.ai_interactions AS i
CROSS JOIN LATERAL (
    SELECT CASE WHEN num_nonnulls(i.input_tokens, i.cache_read_tokens, i.cache_write_tokens, i.audio_input_tokens) > 0
                THEN coalesce(i.input_tokens, 0)::bigint + coalesce(i.cache_read_tokens, 0)
                     + coalesce(i.cache_write_tokens, 0) + coalesce(i.audio_input_tokens, 0) END AS input_total,
           CASE WHEN num_nonnulls(i.output_tokens, i.reasoning_tokens, i.audio_output_tokens) > 0
                THEN coalesce(i.output_tokens, 0)::bigint + coalesce(i.reasoning_tokens, 0)
                     + coalesce(i.audio_output_tokens, 0) END AS output_total
) AS totals;

CREATE VIEW telemetry.decisions WITH (security_invoker) AS
SELECT encode(nullif(d.trace_id, ''::bytea), 'hex') AS trace_id,
       encode(nullif(d.span_id, ''::bytea), 'hex') AS span_id,
       d.decision_id,
       d.time,
       d.sequence,
       d.type,
       d.details ->> 'reported_type' AS reported_type,
       d.component,
       d.service_name,
       d.input,
       d.output,
       d.reasoning,
       d.outcome,
       d.is_enforced,
       d.rule_id,
       d.rule_name,
       d.rule_version,
       d.evaluation_ns / 1e6::double precision AS evaluation_time_ms,
       d.details -> 'candidates' AS candidates,
       d.parent_id,
       d.request_id,
       d.user_id,
       d.session_id,
       d.organization_id,
       d.request_path,
       d.final_provider,
       d.final_model,
       d.final_status,
       d.is_final_stated,
       d.details -> 'attributes' AS attributes,
       d.details -> 'carriers' AS carriers,
       d.convention,
       d.mapper_version,
       d.trace_id AS trace_key
FROM relayscope.decisions AS d;

-- A trace a row, in the words of the API, beginning with its first decision, so that conditions on time and LIMIT end the
-- reading early. What stands above the decisions is the same on each of them.
CREATE VIEW telemetry.decision_traces WITH (security_invoker) AS
SELECT encode(f.trace_id, 'hex') AS trace_id,
       summed.request_id,
       f.time AS "timestamp",
       summed.user_id,
       summed.session_id,
       summed.organization_id,
       summed.request_path,
       summed.decision_count,
       summed.decisions,
       summed.final_outcome,
       f.trace_id AS trace_key
FROM relayscope.decisions AS f
CROSS JOIN LATERAL (
    SELECT min(d.request_id) AS request_id,
           min(d.user_id) AS user_id,
           min(d.session_id) AS session_id,
           min(d.organization_id) AS organization_id,
           min(d.request_path) AS request_path,
           count(*) AS decision_count,
           jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'id', d.decision_id,
               'timestamp', to_char(d.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || lpad(d.time_ns::text, 3, '0') || 'Z',
               'type', d.type,
               'component', d.component,
               'reasoning', d.reasoning,
               'outcome', d.outcome,
               'isEnforced', d.is_enforced,
               'ruleId', d.rule_id,
               'ruleName', d.rule_name,
               'ruleVersion', d.rule_version,
               'evaluationTimeMs', d.evaluation_ns / 1e6::double precision,
               'parentId', d.parent_id,
               'spanId', nullif(encode(d.span_id, 'hex'), ''))) || jsonb_build_object('input', d.input, 'output', d.output)
               ORDER BY d.time, d.time_ns, d.sequence, d.decision_id) AS decisions,
           jsonb_build_object('provider', min(d.final_provider), 'model', min(d.final_model), 'status', min(d.final_status),
                              'isStated', bool_or(d.is_final_stated)) AS final_outcome
    FROM relayscope.decisions AS d
    -- The first one tells which partitions need not be looked into.
    WHERE d.workspace_id = f.workspace_id AND d.trace_id = f.trace_id AND d.time >= f.time
) AS summed
WHERE f.trace_id <> '' AND NOT EXISTS (
    SELECT 1 FROM relayscope.decisions AS e
    WHERE e.workspace_id = f.workspace_id AND e.trace_id = f.trace_id AND e.time <= f.time
          AND (e.time, e.decision_id) < (f.time, f.decision_id)
);

COMMENT ON VIEW telemetry.spans IS 'one row for each span';
COMMENT ON COLUMN telemetry.spans.trace_id IS '32 hexadecimal digits';
COMMENT ON COLUMN telemetry.spans.span_id IS '16 hexadecimal digits';
COMMENT ON COLUMN telemetry.spans.parent_span_id IS '16 hexadecimal digits, null for a root';
COMMENT ON COLUMN telemetry.spans.name IS 'the operation';
COMMENT ON COLUMN telemetry.spans.kind IS 'internal, server, client, producer, consumer or unspecified';
COMMENT ON COLUMN telemetry.spans.service_name IS 'service.name of the resource';
COMMENT ON COLUMN telemetry.spans.start_time IS 'when it began, conditions on it make a query fast';
COMMENT ON COLUMN telemetry.spans.end_time IS 'when it ended, to the microsecond';
COMMENT ON COLUMN telemetry.spans.duration_ms IS 'milliseconds';
COMMENT ON COLUMN telemetry.spans.status IS 'unset, ok or error';
COMMENT ON COLUMN telemetry.spans.status_message IS 'what the sender said about the status';
COMMENT ON COLUMN telemetry.spans.attributes IS 'attributes of the span: attributes ->> ''http.route'' is one as text';
COMMENT ON COLUMN telemetry.spans.resource IS 'attributes of the resource';
COMMENT ON COLUMN telemetry.spans.scope_name IS 'the instrumentation';
COMMENT ON COLUMN telemetry.spans.scope_version IS 'its version';
COMMENT ON COLUMN telemetry.spans.events IS 'events, an array';
COMMENT ON COLUMN telemetry.spans.links IS 'links, an array';
COMMENT ON COLUMN telemetry.spans.trace_state IS 'as W3C has it';
COMMENT ON COLUMN telemetry.spans.duration_ns IS 'nanoseconds';
COMMENT ON COLUMN telemetry.spans.start_time_ns IS 'nanoseconds below the microsecond of start_time, 0 to 999';
COMMENT ON COLUMN telemetry.spans.redactions IS 'how many of which entity were redacted';
COMMENT ON COLUMN telemetry.spans.trace_key IS 'the trace id as bytes: compare this one where the connection is not our API, since an index holds it';

COMMENT ON VIEW telemetry.traces IS 'one row for each root span, traces without one are not here';
COMMENT ON COLUMN telemetry.traces.trace_id IS '32 hexadecimal digits';
COMMENT ON COLUMN telemetry.traces.root_name IS 'name of the root span';
COMMENT ON COLUMN telemetry.traces.root_service_name IS 'service of the root span';
COMMENT ON COLUMN telemetry.traces.start_time IS 'when the root span began, conditions on it make a query fast';
COMMENT ON COLUMN telemetry.traces.duration_ms IS 'milliseconds of the root span';
COMMENT ON COLUMN telemetry.traces.status IS 'of the root span: unset, ok or error';
COMMENT ON COLUMN telemetry.traces.span_count IS 'spans that began from an hour before the root until a day after it';
COMMENT ON COLUMN telemetry.traces.error_count IS 'those of them with an error';
COMMENT ON COLUMN telemetry.traces.services IS 'services of those spans';
COMMENT ON COLUMN telemetry.traces.root_attributes IS 'attributes of the root span';
COMMENT ON COLUMN telemetry.traces.trace_key IS 'the trace id as bytes: compare this one where the connection is not our API, since an index holds it';

COMMENT ON VIEW telemetry.services IS 'one row for each service that sent spans';
COMMENT ON COLUMN telemetry.services.service_name IS 'service.name of the resource';
COMMENT ON COLUMN telemetry.services.operation_count IS 'pairs of name and kind of its spans';
COMMENT ON COLUMN telemetry.services.first_seen IS 'start of its first span';
COMMENT ON COLUMN telemetry.services.last_seen IS 'start of its last span';

COMMENT ON VIEW telemetry.log_records IS 'one row for each log record';
COMMENT ON COLUMN telemetry.log_records.time IS 'when it happened, or was observed, conditions on it make a query fast';
COMMENT ON COLUMN telemetry.log_records.observed_time IS 'when it was observed, if that was said';
COMMENT ON COLUMN telemetry.log_records.trace_id IS '32 hexadecimal digits, null outside of a trace';
COMMENT ON COLUMN telemetry.log_records.span_id IS '16 hexadecimal digits, null outside of a span';
COMMENT ON COLUMN telemetry.log_records.service_name IS 'service.name of the resource';
COMMENT ON COLUMN telemetry.log_records.event_name IS 'the kind of event, null for an ordinary record';
COMMENT ON COLUMN telemetry.log_records.severity_text IS 'as the sender calls it';
COMMENT ON COLUMN telemetry.log_records.severity_number IS '1 (trace) to 24 (fatal), 17 and more is an error, 0 is unknown';
COMMENT ON COLUMN telemetry.log_records.message IS 'the body as text';
COMMENT ON COLUMN telemetry.log_records.body IS 'the body';
COMMENT ON COLUMN telemetry.log_records.attributes IS 'attributes of the record';
COMMENT ON COLUMN telemetry.log_records.resource IS 'attributes of the resource';
COMMENT ON COLUMN telemetry.log_records.scope_name IS 'the instrumentation';
COMMENT ON COLUMN telemetry.log_records.scope_version IS 'its version';
COMMENT ON COLUMN telemetry.log_records.redactions IS 'how many of which entity were redacted';
COMMENT ON COLUMN telemetry.log_records.trace_key IS 'the trace id as bytes: compare this one where the connection is not our API, since an index holds it';

COMMENT ON VIEW telemetry.ai_interactions IS 'one row for each call of a model, a tool or an agent';
COMMENT ON COLUMN telemetry.ai_interactions.trace_id IS '32 hexadecimal digits';
COMMENT ON COLUMN telemetry.ai_interactions.span_id IS '16 hexadecimal digits';
COMMENT ON COLUMN telemetry.ai_interactions.parent_span_id IS '16 hexadecimal digits, null for a root';
COMMENT ON COLUMN telemetry.ai_interactions.start_time IS 'when it began, conditions on it make a query fast';
COMMENT ON COLUMN telemetry.ai_interactions.end_time IS 'when it ended';
COMMENT ON COLUMN telemetry.ai_interactions.latency_ms IS 'milliseconds';
COMMENT ON COLUMN telemetry.ai_interactions.time_to_first_token_ms IS 'milliseconds until the answer began';
COMMENT ON COLUMN telemetry.ai_interactions.tokens_per_second IS 'of the answer, after its first token';
COMMENT ON COLUMN telemetry.ai_interactions.operation IS 'chat, completion, embedding, tool, agent, workflow, retriever, rerank, guardrail, evaluator, decision, memory or other';
COMMENT ON COLUMN telemetry.ai_interactions.name IS 'of the tool, agent or workflow';
COMMENT ON COLUMN telemetry.ai_interactions.service_name IS 'service.name of the resource';
COMMENT ON COLUMN telemetry.ai_interactions.provider IS 'who serves the model';
COMMENT ON COLUMN telemetry.ai_interactions.model IS 'the model that answered, or that was asked for';
COMMENT ON COLUMN telemetry.ai_interactions.model_requested IS 'the model that was asked for';
COMMENT ON COLUMN telemetry.ai_interactions.model_served IS 'the model that answered';
COMMENT ON COLUMN telemetry.ai_interactions.model_family IS 'the model without its version';
COMMENT ON COLUMN telemetry.ai_interactions.response_id IS 'the provider''s id of the answer';
COMMENT ON COLUMN telemetry.ai_interactions.request_id IS 'the id of the request';
COMMENT ON COLUMN telemetry.ai_interactions.user_id IS 'who asked, as the sender calls them';
COMMENT ON COLUMN telemetry.ai_interactions.session_id IS 'the conversation';
COMMENT ON COLUMN telemetry.ai_interactions.organization_id IS 'the organization';
COMMENT ON COLUMN telemetry.ai_interactions.agent IS 'the agent';
COMMENT ON COLUMN telemetry.ai_interactions.is_streaming IS 'whether the answer came in pieces, null when nobody told';
COMMENT ON COLUMN telemetry.ai_interactions.input_tokens IS 'neither from a cache, nor written to one, nor audio, null when nobody told';
COMMENT ON COLUMN telemetry.ai_interactions.cache_read_tokens IS 'read from a cache';
COMMENT ON COLUMN telemetry.ai_interactions.cache_write_tokens IS 'written to a cache';
COMMENT ON COLUMN telemetry.ai_interactions.cache_write_5m_tokens IS 'of those, kept for five minutes';
COMMENT ON COLUMN telemetry.ai_interactions.cache_write_1h_tokens IS 'of those, kept for an hour';
COMMENT ON COLUMN telemetry.ai_interactions.audio_input_tokens IS 'audio that was heard';
COMMENT ON COLUMN telemetry.ai_interactions.output_tokens IS 'neither reasoning nor audio';
COMMENT ON COLUMN telemetry.ai_interactions.reasoning_tokens IS 'reasoning';
COMMENT ON COLUMN telemetry.ai_interactions.audio_output_tokens IS 'audio that was spoken';
COMMENT ON COLUMN telemetry.ai_interactions.input_tokens_total IS 'all input';
COMMENT ON COLUMN telemetry.ai_interactions.output_tokens_total IS 'all output';
COMMENT ON COLUMN telemetry.ai_interactions.total_tokens IS 'all of both';
COMMENT ON COLUMN telemetry.ai_interactions.is_estimated IS 'whether tokens were estimated';
COMMENT ON COLUMN telemetry.ai_interactions.cost IS 'exact, in the currency of the row, null when unknown';
COMMENT ON COLUMN telemetry.ai_interactions.currency IS 'ISO 4217';
COMMENT ON COLUMN telemetry.ai_interactions.cost_source IS 'who reported the cost, or by which prices it was computed';
COMMENT ON COLUMN telemetry.ai_interactions.is_discrepant IS 'whether the reported cost and the computed one differ';
COMMENT ON COLUMN telemetry.ai_interactions.finish_reason IS 'why the answer ended';
COMMENT ON COLUMN telemetry.ai_interactions.status IS 'success, error or timeout';
COMMENT ON COLUMN telemetry.ai_interactions.error_class IS 'the class of the error';
COMMENT ON COLUMN telemetry.ai_interactions.error_type IS 'the type of the error, as the sender calls it';
COMMENT ON COLUMN telemetry.ai_interactions.error_message IS 'what the error said';
COMMENT ON COLUMN telemetry.ai_interactions.endpoint IS 'where it was sent';
COMMENT ON COLUMN telemetry.ai_interactions.parameters IS 'parameters of the request';
COMMENT ON COLUMN telemetry.ai_interactions.tags IS 'tags';
COMMENT ON COLUMN telemetry.ai_interactions.tool_calls IS 'calls of tools that the model asked for';
COMMENT ON COLUMN telemetry.ai_interactions.prompt IS 'the beginning of what was asked';
COMMENT ON COLUMN telemetry.ai_interactions.response IS 'the beginning of what was answered';
COMMENT ON COLUMN telemetry.ai_interactions.convention IS 'by which convention it was told';
COMMENT ON COLUMN telemetry.ai_interactions.mapper_version IS 'by which version of the mapper it was read';
COMMENT ON COLUMN telemetry.ai_interactions.trace_key IS 'the trace id as bytes: compare this one where the connection is not our API, since an index holds it';

COMMENT ON VIEW telemetry.decisions IS 'one row for each decision of a gateway, router or agent, however many carriers told of it';
COMMENT ON COLUMN telemetry.decisions.trace_id IS '32 hexadecimal digits, made of the log record when that belongs to no trace';
COMMENT ON COLUMN telemetry.decisions.span_id IS '16 hexadecimal digits: the span that the decision is, or belongs to, null when there is none';
COMMENT ON COLUMN telemetry.decisions.decision_id IS 'unique in its trace';
COMMENT ON COLUMN telemetry.decisions.time IS 'when it was made, conditions on it make a query fast';
COMMENT ON COLUMN telemetry.decisions.sequence IS 'the order in the trace where times tie';
COMMENT ON COLUMN telemetry.decisions.type IS 'rule_evaluation, model_selection, cache_decision, budget_check or other';
COMMENT ON COLUMN telemetry.decisions.reported_type IS 'the type as it came, when it is none of these';
COMMENT ON COLUMN telemetry.decisions.component IS 'what decided';
COMMENT ON COLUMN telemetry.decisions.service_name IS 'service.name of the resource';
COMMENT ON COLUMN telemetry.decisions.input IS 'the facts that were considered, redacted: input ->> ''plan'' is one as text';
COMMENT ON COLUMN telemetry.decisions.output IS 'what was decided, redacted';
COMMENT ON COLUMN telemetry.decisions.reasoning IS 'why, in words, redacted';
COMMENT ON COLUMN telemetry.decisions.outcome IS 'the verdict: allow, deny, modify, escalate, selected, hit, miss, within, exceeded, error';
COMMENT ON COLUMN telemetry.decisions.is_enforced IS 'false for a shadow decision, of which nothing followed, null when nobody told';
COMMENT ON COLUMN telemetry.decisions.rule_id IS 'the rule that decided';
COMMENT ON COLUMN telemetry.decisions.rule_name IS 'its name';
COMMENT ON COLUMN telemetry.decisions.rule_version IS 'its version';
COMMENT ON COLUMN telemetry.decisions.evaluation_time_ms IS 'milliseconds that the decision took';
COMMENT ON COLUMN telemetry.decisions.candidates IS 'the alternatives that were considered, an array';
COMMENT ON COLUMN telemetry.decisions.parent_id IS 'the decision that led to this one';
COMMENT ON COLUMN telemetry.decisions.request_id IS 'the id of the request';
COMMENT ON COLUMN telemetry.decisions.user_id IS 'who asked, as the sender calls them';
COMMENT ON COLUMN telemetry.decisions.session_id IS 'the conversation';
COMMENT ON COLUMN telemetry.decisions.organization_id IS 'the organization';
COMMENT ON COLUMN telemetry.decisions.request_path IS 'the path of the request';
COMMENT ON COLUMN telemetry.decisions.final_provider IS 'who answered the request in the end';
COMMENT ON COLUMN telemetry.decisions.final_model IS 'the model that answered it';
COMMENT ON COLUMN telemetry.decisions.final_status IS 'success, fallback_success, served_from_cache, blocked, budget_exceeded, error, or as sent';
COMMENT ON COLUMN telemetry.decisions.is_final_stated IS 'whether a span states the outcome, otherwise it is that of the primary model call';
COMMENT ON COLUMN telemetry.decisions.attributes IS 'the other keys of the convention, as they came';
COMMENT ON COLUMN telemetry.decisions.carriers IS 'how it came: span_event, span, log_record';
COMMENT ON COLUMN telemetry.decisions.convention IS 'by which convention it was told';
COMMENT ON COLUMN telemetry.decisions.mapper_version IS 'by which version of the mapper it was read';
COMMENT ON COLUMN telemetry.decisions.trace_key IS 'the trace id as bytes: compare this one where the connection is not our API, since an index holds it';

COMMENT ON VIEW telemetry.decision_traces IS 'one row for each trace with decisions: what was decided about a request, in order, and what became of it';
COMMENT ON COLUMN telemetry.decision_traces.trace_id IS '32 hexadecimal digits';
COMMENT ON COLUMN telemetry.decision_traces.request_id IS 'the id of the request';
COMMENT ON COLUMN telemetry.decision_traces."timestamp" IS 'when the first decision was made, conditions on it make a query fast';
COMMENT ON COLUMN telemetry.decision_traces.user_id IS 'who asked, as the sender calls them';
COMMENT ON COLUMN telemetry.decision_traces.session_id IS 'the conversation';
COMMENT ON COLUMN telemetry.decision_traces.organization_id IS 'the organization';
COMMENT ON COLUMN telemetry.decision_traces.request_path IS 'the path of the request';
COMMENT ON COLUMN telemetry.decision_traces.decision_count IS 'how many decisions there are';
COMMENT ON COLUMN telemetry.decision_traces.decisions IS 'an array, in the order in which they were made, fields as in the API';
COMMENT ON COLUMN telemetry.decision_traces.final_outcome IS 'provider, model, status, isStated: a span says so';
COMMENT ON COLUMN telemetry.decision_traces.trace_key IS 'the trace id as bytes: compare this one where the connection is not our API, since an index holds it';
