-- What people changed that others must be able to prove later, and what was redacted, by time.

-- Entries are added, and never changed or removed.
CREATE TABLE relayscope.audit_log (
    audit_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    workspace_id integer NOT NULL,
    actor        text NOT NULL,
    action       text NOT NULL,
    detail       jsonb NOT NULL
);

CREATE FUNCTION relayscope.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of % are never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON relayscope.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION relayscope.refuse_change();

-- Few spans lost anything, so statistics find them by this.
CREATE INDEX spans_redacted_idx ON relayscope.spans (workspace_id, start_time) WHERE redactions IS NOT NULL;
