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

COMMENT ON COLUMN relayscope.decisions.trace_id IS 'no bytes when the decision belongs to no trace';
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
