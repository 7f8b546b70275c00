-- Log records that tell of calls and belong to no trace: those of one session are settled together.

ALTER TABLE relayscope.log_records ADD COLUMN ai_trace_id bytea;
COMMENT ON COLUMN relayscope.log_records.ai_trace_id IS
    'the trace id of the interactions that a record without a trace tells of, and no value for all others';
CREATE INDEX log_records_ai_trace_idx ON relayscope.log_records (workspace_id, ai_trace_id) WHERE ai_trace_id IS NOT NULL;
