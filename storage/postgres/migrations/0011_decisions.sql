-- Decisions of gateways and agents, one row each. See ADR 0012.

-- Eight-byte columns come first, so that no padding is stored. NULL stands for what nobody told.
CREATE TABLE relayscope.decisions (
    time            timestamptz NOT NULL,
    evaluation_ns   bigint,
    sequence        bigint,
    arrival_id      bigint GENERATED ALWAYS AS IDENTITY,
    workspace_id    integer NOT NULL,
    time_ns         smallint NOT NULL,
    mapper_version  smallint NOT NULL,
    is_enforced     boolean,
    is_final_stated boolean NOT NULL,
    trace_id        bytea NOT NULL,
    span_id         bytea NOT NULL,
    decision_id     text NOT NULL,
    type            text NOT NULL,
    component       text NOT NULL,
    service_name    text NOT NULL,
    convention      text NOT NULL,
    outcome         text,
    rule_id         text,
    rule_name       text,
    rule_version    text,
    parent_id       text,
    request_id      text,
    user_id         text,
    session_id      text,
    organization_id text,
    request_path    text,
    final_provider  text,
    final_model     text,
    final_status    text,
    reasoning       text,
    input           jsonb,
    output          jsonb,
    details         jsonb NOT NULL
) PARTITION BY RANGE (time);

COMMENT ON COLUMN relayscope.decisions.trace_id IS 'made of the log record when that belongs to no trace';
COMMENT ON COLUMN relayscope.decisions.details IS 'reported type, candidates, other attributes, carriers';

-- A trace has its rows in one place. A decision that several carriers told of has one row, which settling sees to.
CREATE UNIQUE INDEX decisions_identity_idx ON relayscope.decisions (trace_id, decision_id, time, workspace_id);
CREATE INDEX decisions_time_idx ON relayscope.decisions (workspace_id, time);
CREATE INDEX decisions_request_idx ON relayscope.decisions (workspace_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX decisions_rule_idx ON relayscope.decisions (workspace_id, rule_id, time) WHERE rule_id IS NOT NULL;
-- New rows: what they say may be told in another part of the trace too. Always the last leaf grows.
CREATE INDEX decisions_arrival_idx ON relayscope.decisions (arrival_id);

DO $$
DECLARE
    past_end timestamptz := date_trunc('day', now(), 'UTC') - interval '90 days';
    future_start timestamptz := '2100-01-01 00:00:00+00';
BEGIN
    CREATE TABLE relayscope.decisions_default PARTITION OF relayscope.decisions DEFAULT;
    EXECUTE format('CREATE TABLE relayscope.decisions_past PARTITION OF relayscope.decisions '
                   'FOR VALUES FROM (MINVALUE) TO (%L)', past_end);
    EXECUTE format('CREATE TABLE relayscope.decisions_future PARTITION OF relayscope.decisions '
                   'FOR VALUES FROM (%L) TO (MAXVALUE)', future_start);
END
$$;
CREATE INDEX decisions_default_time_idx ON relayscope.decisions_default (time);
CREATE INDEX decisions_past_time_idx ON relayscope.decisions_past (time);

-- Up to which row the leader has looked for decisions of which another part of the trace tells too. One row, or none.
CREATE TABLE relayscope.decision_progress (
    is_only    boolean PRIMARY KEY DEFAULT true,
    arrival_id bigint NOT NULL
);

-- Rule sets that were kept, for replay: what was written is kept word for word, and never changes.
CREATE TABLE relayscope.rule_sets (
    rule_set_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id integer NOT NULL,
    name         text NOT NULL,
    version      text NOT NULL,
    digest       bytea NOT NULL,
    body         text NOT NULL,
    imported_by  text NOT NULL,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, name, version)
);

-- What users see: a decision a row.
CREATE VIEW telemetry.decisions AS
SELECT d.workspace_id,
       encode(d.trace_id, 'hex') AS trace_id,
       encode(d.span_id, 'hex') AS span_id,
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
       d.mapper_version
FROM relayscope.decisions AS d;

COMMENT ON VIEW telemetry.decisions IS 'Decisions of gateways, routers and agents, one row each, however many carriers told of one';
COMMENT ON COLUMN telemetry.decisions.trace_id IS 'hex, made of the log record when that belongs to no trace';
COMMENT ON COLUMN telemetry.decisions.span_id IS 'hex, the span that the decision is, or belongs to';
COMMENT ON COLUMN telemetry.decisions.decision_id IS 'unique in its trace';
COMMENT ON COLUMN telemetry.decisions.sequence IS 'the order in the trace where times tie';
COMMENT ON COLUMN telemetry.decisions.type IS 'rule_evaluation, model_selection, cache_decision, budget_check or other';
COMMENT ON COLUMN telemetry.decisions.reported_type IS 'the type as it came, when it is none of these';
COMMENT ON COLUMN telemetry.decisions.input IS 'the facts that were considered, redacted';
COMMENT ON COLUMN telemetry.decisions.output IS 'what was decided, redacted';
COMMENT ON COLUMN telemetry.decisions.reasoning IS 'why, in words, redacted';
COMMENT ON COLUMN telemetry.decisions.outcome IS 'the verdict: allow, deny, modify, escalate, selected, hit, miss, within, exceeded, error';
COMMENT ON COLUMN telemetry.decisions.is_enforced IS 'false for a shadow decision, of which nothing followed, null when nobody told';
COMMENT ON COLUMN telemetry.decisions.evaluation_time_ms IS 'milliseconds that the decision took';
COMMENT ON COLUMN telemetry.decisions.candidates IS 'the alternatives that were considered';
COMMENT ON COLUMN telemetry.decisions.parent_id IS 'the decision that led to this one';
COMMENT ON COLUMN telemetry.decisions.final_provider IS 'who answered the request in the end';
COMMENT ON COLUMN telemetry.decisions.final_status IS 'success, fallback_success, served_from_cache, blocked, budget_exceeded, error, or as sent';
COMMENT ON COLUMN telemetry.decisions.is_final_stated IS 'whether a span states the outcome, otherwise it is that of the primary model call';
COMMENT ON COLUMN telemetry.decisions.attributes IS 'the other keys of the convention, as they came';
COMMENT ON COLUMN telemetry.decisions.carriers IS 'how it came: span_event, span, log_record';

-- And a trace a row, in the words of the API. What stands above the decisions is the same on each of them.
CREATE VIEW telemetry.decision_traces AS
SELECT d.workspace_id,
       encode(d.trace_id, 'hex') AS trace_id,
       min(d.request_id) AS request_id,
       min(d.time) AS "timestamp",
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
WHERE d.trace_id <> ''
GROUP BY d.workspace_id, d.trace_id;

COMMENT ON VIEW telemetry.decision_traces IS 'What was decided about a request, in order, and what became of it';
COMMENT ON COLUMN telemetry.decision_traces."timestamp" IS 'when the first decision was made';
COMMENT ON COLUMN telemetry.decision_traces.decisions IS 'in the order in which they were made, fields as in the API';
COMMENT ON COLUMN telemetry.decision_traces.final_outcome IS 'provider, model, status, isStated: a span says so';
