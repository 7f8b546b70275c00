-- commit_durably: for the session, whatever the default of our role or database is; what waits for more stays
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');

-- settings: what decides whether a commit survives a crash, as this session has it
SELECT name FROM (VALUES ('fsync'), ('full_page_writes'), ('synchronous_commit')) AS needed (name)
WHERE current_setting(name) IN ('off', 'local')
ORDER BY name;
