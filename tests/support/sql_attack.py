"""What somebody could try over SQL, by name: reading what is not theirs, changing, waiting, filling, leaving the session.

``statements`` are sent one after the other in one session of the workspace's role; the last one is what the guard is asked.
"""

from __future__ import annotations

from typing import NamedTuple


class Attack(NamedTuple):
    """``statements`` are tried in order, whatever becomes of each."""

    name: str
    statements: tuple[str, ...]


def _attack(name: str, *statements: str) -> Attack:
    return Attack(name, statements)


_WRITABLE = "SET default_transaction_read_only = off"

ATTACKS = (
    # Files and other servers.
    _attack("pg_read_file", "SELECT pg_read_file('/etc/passwd')"),
    _attack("pg_read_file in FROM", "SELECT * FROM pg_read_file('/etc/passwd')"),
    _attack("pg_read_binary_file", "SELECT pg_read_binary_file('/etc/passwd')"),
    _attack("pg_stat_file", "SELECT * FROM pg_stat_file('postgresql.conf')"),
    _attack("pg_ls_dir", "SELECT pg_ls_dir('.')"),
    _attack("pg_ls_logdir", "SELECT * FROM pg_ls_logdir()"),
    _attack("lo_import", "SELECT lo_import('/etc/passwd')"),
    _attack("lo_export", "SELECT lo_export(1, '/tmp/relayscope-canary')"),
    _attack("lo_from_bytea", _WRITABLE, "SELECT lo_from_bytea(0, 'x')"),
    _attack("lo_create", _WRITABLE, "SELECT lo_create(0)"),
    _attack("lo_get", "SELECT lo_get(1)"),
    _attack("dblink", "SELECT * FROM dblink('dbname=relayscope', 'SELECT 1') AS t(a int)"),
    _attack("dblink_exec", "SELECT dblink_exec('DELETE FROM relayscope.spans')"),
    _attack("CREATE EXTENSION", _WRITABLE, "CREATE EXTENSION dblink"),
    _attack("COPY FROM STDIN", _WRITABLE, "COPY relayscope.spans FROM STDIN"),
    _attack("COPY FROM file", _WRITABLE, "CREATE TEMP TABLE t (a text)", "COPY t FROM '/etc/passwd'"),
    _attack("COPY TO STDOUT", "COPY relayscope.spans TO STDOUT"),
    _attack("COPY query", "COPY (SELECT * FROM relayscope.spans) TO STDOUT"),
    _attack("COPY TO PROGRAM", "COPY (SELECT 1) TO PROGRAM 'id'"),
    _attack("COPY TO file", "COPY (SELECT 1) TO '/tmp/relayscope-canary'"),
    _attack("COPY FROM PROGRAM", _WRITABLE, "CREATE TEMP TABLE t (a text)", "COPY t FROM PROGRAM 'id'"),
    # Code.
    _attack("DO", _WRITABLE, "DO $$ BEGIN DELETE FROM relayscope.spans; END $$"),
    _attack("CALL", "CALL relayscope.nothing()"),
    _attack("own function called", "SELECT relayscope.cover_times('spans', now(), now())"),
    _attack("CREATE FUNCTION", _WRITABLE, "CREATE FUNCTION telemetry.leak() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    _attack("PREPARE", "PREPARE p AS DELETE FROM relayscope.spans"),
    _attack("EXECUTE", "PREPARE p AS SELECT * FROM relayscope.spans", "EXECUTE p"),
    # Settings, and other roles.
    _attack("set_config", "SELECT set_config('statement_timeout', '0', false)"),
    _attack("set_config of the role", "SELECT set_config('role', 'relayscope', false)"),
    _attack("SET", "SET statement_timeout = 0"),
    _attack("SET app.tenant", "SET app.tenant = '2'", "SELECT * FROM telemetry.spans, (SELECT set_config('a.b', '2', true)) AS x"),
    _attack("RESET", "RESET ALL"),
    _attack("SHOW", "SHOW data_directory"),
    _attack("current_setting", "SELECT current_setting('data_directory')"),
    _attack("SET ROLE", "SET ROLE relayscope", "SELECT * FROM relayscope.spans"),
    _attack("SET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION relayscope"),
    _attack("ALTER ROLE", _WRITABLE, "ALTER ROLE CURRENT_USER SUPERUSER"),
    _attack("CREATE ROLE", _WRITABLE, "CREATE ROLE mallory SUPERUSER"),
    _attack("GRANT", _WRITABLE, "GRANT relayscope TO CURRENT_USER"),
    _attack("CREATE TABLE", _WRITABLE, "CREATE TABLE telemetry.t (a int)"),
    _attack("CREATE TABLE in public", _WRITABLE, "CREATE TABLE public.t (a int)"),
    # SQL in a text.
    _attack("query_to_xml", "SELECT query_to_xml('SELECT * FROM relayscope.spans', true, true, '')"),
    _attack("query_to_xml in FROM", "SELECT * FROM query_to_xml('SELECT * FROM relayscope.spans', true, true, '')"),
    _attack("query_to_xmlschema", "SELECT query_to_xmlschema('SELECT * FROM relayscope.spans', true, true, '')"),
    _attack("query_to_xml_and_xmlschema", "SELECT query_to_xml_and_xmlschema('SELECT * FROM relayscope.spans', true, true, '')"),
    _attack("table_to_xml", "SELECT table_to_xml('relayscope.spans', true, true, '')"),
    _attack("schema_to_xml", "SELECT schema_to_xml('relayscope', true, true, '')"),
    _attack("database_to_xml", "SELECT database_to_xml(true, true, '')"),
    _attack("cursor_to_xml", "SELECT cursor_to_xml('c', 1, true, true, '')"),
    _attack("ts_stat", "SELECT * FROM ts_stat('SELECT to_tsvector(name) FROM relayscope.spans')"),
    # Waiting, locking, signalling.
    _attack("pg_sleep", "SELECT pg_sleep(60)"),
    _attack("pg_sleep in ROWS FROM", "SELECT * FROM ROWS FROM (pg_sleep(60))"),
    _attack("pg_sleep_for", "SELECT pg_sleep_for('1 minute')"),
    _attack("pg_sleep_until", "SELECT pg_sleep_until(now() + interval '1 minute')"),
    _attack("pg_advisory_lock", "SELECT pg_advisory_lock(hashtext('relayscope.cover_times'))"),
    _attack("pg_try_advisory_lock", "SELECT pg_try_advisory_lock(hashtext('relayscope.migration'))"),
    _attack("pg_notify", "SELECT pg_notify('a', 'b')"),
    _attack("NOTIFY", "NOTIFY a"),
    _attack("LISTEN", "LISTEN a"),
    _attack("LOCK", "LOCK TABLE relayscope.spans IN ACCESS EXCLUSIVE MODE"),
    _attack("pg_terminate_backend", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"),
    _attack("pg_cancel_backend", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"),
    _attack("pg_reload_conf", "SELECT pg_reload_conf()"),
    _attack("pg_stat_reset", "SELECT pg_stat_reset()"),
    _attack("pg_logical_emit_message", "SELECT pg_logical_emit_message(false, 'a', 'b')"),
    _attack("pg_export_snapshot", "SELECT pg_export_snapshot()"),
    _attack("nextval", "SELECT nextval('relayscope.ai_arrivals_arrival_id_seq')"),
    _attack("setval", _WRITABLE, "SELECT setval('relayscope.ai_arrivals_arrival_id_seq', 1)"),
    # Changing.
    _attack("INSERT", _WRITABLE, "INSERT INTO relayscope.workspace_roles VALUES (current_user, 2)"),
    _attack("INSERT into a view", _WRITABLE, "INSERT INTO telemetry.spans (name) VALUES ('x')"),
    _attack("UPDATE", _WRITABLE, "UPDATE relayscope.workspace_roles SET workspace_id = 2"),
    _attack("DELETE", _WRITABLE, "DELETE FROM relayscope.spans"),
    _attack("DELETE from a view", _WRITABLE, "DELETE FROM telemetry.spans"),
    _attack("TRUNCATE", _WRITABLE, "TRUNCATE relayscope.spans"),
    _attack("MERGE", _WRITABLE, "MERGE INTO relayscope.spans AS a USING telemetry.spans AS b ON true WHEN MATCHED THEN DELETE"),
    _attack("DELETE in WITH", _WRITABLE, "WITH d AS (DELETE FROM relayscope.spans RETURNING *) SELECT * FROM d"),
    _attack("SELECT INTO", _WRITABLE, "SELECT * INTO telemetry.copy FROM telemetry.spans"),
    _attack("CREATE TABLE AS", _WRITABLE, "CREATE TEMP TABLE copy AS SELECT * FROM telemetry.spans"),
    _attack("FOR UPDATE", "SELECT * FROM telemetry.spans FOR UPDATE"),
    _attack("EXPLAIN ANALYZE", _WRITABLE, "EXPLAIN ANALYZE DELETE FROM relayscope.spans"),
    _attack("EXPLAIN", "EXPLAIN SELECT * FROM relayscope.spans"),
    _attack("DROP", _WRITABLE, "DROP VIEW telemetry.spans"),
    _attack("CREATE OR REPLACE VIEW", _WRITABLE, "CREATE OR REPLACE VIEW telemetry.spans AS SELECT 1"),
    _attack("several statements", "SELECT 1; SET default_transaction_read_only = off; DELETE FROM relayscope.spans"),
    _attack("leaving the transaction", "SELECT 1; COMMIT; DELETE FROM relayscope.spans"),
    # Ways of writing.
    _attack("nested comments", "SELECT/* /* */ ; */pg_sleep(60)"),
    _attack("a comment to the end", "SELECT 1) AS x; DELETE FROM relayscope.spans; --"),
    _attack("dollar quotes", "SELECT query_to_xml($a$SELECT * FROM relayscope.spans$a$, true, true, $$$$)"),
    _attack("E strings", "SELECT E'\\'; SELECT 1'; DELETE FROM relayscope.spans; --'"),
    _attack("U& names", 'SELECT U&"\\0070g_sleep"(60)'),
    _attack("quoted names", 'SELECT "pg_read_file"(\'/etc/passwd\')'),
    _attack("names with a schema", "SELECT pg_catalog.pg_read_file('/etc/passwd')"),
    _attack("names with a database", "SELECT * FROM shared_relayscope.relayscope.spans"),
    _attack("a field as a function", "SELECT ('/etc/passwd'::text).pg_read_file"),
    _attack("a column as a function", "SELECT f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) AS f"),
    _attack("an operator with a schema", "SELECT 1 OPERATOR(pg_catalog.+) 2, pg_sleep(60)"),
    _attack("a regclass", "SELECT 'relayscope.spans'::regclass, pg_relation_size('relayscope.spans')"),
    _attack("a cast by function", "SELECT CAST('relayscope' AS regnamespace)"),
    _attack("a NUL", "SELECT 1\0; DELETE FROM relayscope.spans"),
    # What is somebody else's.
    _attack("a table", "SELECT * FROM relayscope.spans"),
    _attack("TABLE", "TABLE relayscope.spans"),
    _attack("the decisions' table", "SELECT * FROM relayscope.decisions"),
    _attack("kept rule sets", "SELECT body FROM relayscope.rule_sets"),
    _attack("a partition", "SELECT * FROM relayscope.spans_default"),
    _attack("the roles' table", "SELECT * FROM relayscope.workspace_roles"),
    _attack("pg_shadow", "TABLE pg_shadow"),
    _attack("pg_authid", "SELECT rolpassword FROM pg_authid"),
    _attack("pg_class", "SELECT * FROM pg_class"),
    _attack("pg_stats", "SELECT most_common_vals FROM pg_stats WHERE schemaname = 'relayscope'"),
    _attack("pg_statistic", "SELECT * FROM pg_statistic"),
    _attack("pg_stat_activity", "SELECT query FROM pg_stat_activity"),
    _attack("information_schema", "SELECT * FROM information_schema.tables WHERE table_schema = 'relayscope'"),
    _attack("a name that WITH gave elsewhere", "SELECT * FROM (WITH pg_shadow AS (SELECT 1) SELECT * FROM pg_shadow) AS x, pg_shadow"),
    _attack("search_path", "SET search_path = relayscope, pg_catalog", "SELECT * FROM workspace_roles"),
    _attack("a shadow in pg_temp", _WRITABLE, "CREATE TEMP TABLE spans (name text)", "SELECT * FROM pg_temp.spans"),
    _attack("an error that tells", "SELECT 1 / (CASE WHEN name LIKE '%canary%' THEN 0 ELSE 1 END) FROM telemetry.spans, pg_sleep(0)"),
    _attack("a cast that tells", "SELECT name::regclass FROM telemetry.spans"),
    # Too much of everything.
    _attack("generate_series", "SELECT count(*) FROM generate_series(1, 10000000000)"),
    _attack("repeat", "SELECT repeat(repeat('x', 1000000), 90)"),
    _attack("lpad", "SELECT lpad('x', 90000000)"),
    _attack("format", "SELECT format('%90000000s', 'x')"),
    _attack("cross join", "SELECT count(*) FROM " + ", ".join(f"telemetry.spans AS s{n}" for n in range(8))),
    _attack("CROSS JOIN", "SELECT count(*) FROM " + " CROSS JOIN ".join(f"telemetry.spans AS s{n}" for n in range(8))),
    _attack("regular expression", r"SELECT name ~ '^((a+)+)+\1$' FROM telemetry.spans"),
    _attack("regexp_match", r"SELECT regexp_match(name, '^((a+)+)+\1$') FROM telemetry.spans"),
    _attack("a large number", "SELECT 1e131071"),
    _attack("a large power", "SELECT 10 ^ 131071::numeric"),
    _attack("deep nesting", "SELECT " + "(" * 6_000 + "1" + ")" * 6_000 + " + " + " + ".join("1" * 2_000)),
    _attack("a deep tree", "SELECT " + "+".join("1" * 8_000)),
    _attack("a very long text", "SELECT '" + "x" * 20_000 + "'"),
)  # fmt: skip
