-- How far a stricter policy has been applied to what is stored already; holds no values.

CREATE TABLE relayscope.redaction_runs (
    run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy_hash text NOT NULL,
    entities    jsonb NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

-- The place of the last span that was looked at, by partition. A page of spans and its place are committed together.
CREATE TABLE relayscope.redaction_progress (
    run_id      bigint NOT NULL REFERENCES relayscope.redaction_runs ON DELETE CASCADE,
    partition   text NOT NULL,
    trace_id    bytea NOT NULL,
    span_id     bytea NOT NULL,
    start_us    bigint NOT NULL,
    spans       bigint NOT NULL,
    changed     bigint NOT NULL,
    skipped     bigint NOT NULL,
    is_done     boolean NOT NULL DEFAULT false,
    is_vacuumed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run_id, partition)
);
