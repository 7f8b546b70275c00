-- lock: one process at a time makes roles, over all that share the server
SELECT pg_advisory_xact_lock(hashtext('relayscope.workspace_role'));

-- role: what a role may do that is no business of a reader; no row when there is no such role
SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
       OR EXISTS (SELECT 1 FROM pg_auth_members AS m WHERE m.member = r.oid)
FROM pg_roles AS r WHERE r.rolname = %(role)s;

-- workspace: whose rows the role sees
INSERT INTO relayscope.workspace_roles (role_name, workspace_id) VALUES (%(role)s, %(workspace_id)s)
ON CONFLICT (role_name) DO UPDATE SET workspace_id = excluded.workspace_id
WHERE workspace_roles.workspace_id <> excluded.workspace_id;

-- bounded_views: the views that ask with the rights of whoever reads them
SELECT c.relname::text
FROM pg_class AS c
WHERE c.relnamespace = 'telemetry'::regnamespace AND c.relkind = 'v' AND 'security_invoker=true' = ANY (c.reloptions)
ORDER BY c.relname;

-- unbounded_views: others ask with the rights of the owner, so nobody else may read them
SELECT c.relname::text
FROM pg_class AS c
WHERE c.relnamespace = 'telemetry'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
  AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false);

-- bounded_tables: the tables of which everybody but the owner sees the rows of one workspace only
SELECT c.relname::text FROM pg_class AS c
WHERE c.relnamespace = 'relayscope'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
ORDER BY c.relname;

-- reaches_tables: whether the role could name what is behind the views, or read more of it than its workspace
SELECT has_schema_privilege(%(role)s, 'relayscope', 'USAGE') OR EXISTS (
    SELECT 1 FROM pg_class AS c
    WHERE c.relnamespace = 'relayscope'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relrowsecurity
      AND has_any_column_privilege(%(role)s, c.oid, 'SELECT')
);

-- is_superuser: whether we are
SELECT rolsuper FROM pg_roles WHERE rolname = current_user;

-- own_workspace_role: whether we may end the sessions of a role already
SELECT pg_has_role(current_user, %(role)s, 'USAGE');

-- loose_functions: functions that everybody may call, by a list of names: with a trailing % for all that begin so
SELECT p.oid::regprocedure::text
FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname LIKE ANY (%(names)s::text[])
  AND EXISTS (SELECT 1 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0);

-- views: every column that users may read, with what it is
SELECT c.relname::text AS view, obj_description(c.oid, 'pg_class') AS about, a.attname::text AS name,
       CASE WHEN t.typtype = 'b' AND t.typcategory <> 'A' THEN t.typname::text ELSE format_type(a.atttypid, a.atttypmod) END AS type,
       col_description(c.oid, a.attnum) AS description
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = 'telemetry'::regnamespace AND c.relkind = 'v' AND 'security_invoker=true' = ANY (c.reloptions)
ORDER BY c.relname, a.attnum;

-- terminate: ends a session, whatever it does
SELECT pg_terminate_backend(%(pid)s);

-- overdue: ends the sessions of our readers that hold a transaction open for too long, whatever they set themselves
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))
FROM pg_stat_activity AS a
JOIN relayscope.workspace_roles AS w ON w.role_name = a.usename AND w.role_name <> current_user
WHERE a.datname = current_database() AND a.xact_start < now() - %(seconds)s * interval '1 second';

-- sessions: those of our readers that run something
SELECT a.pid
FROM pg_stat_activity AS a
JOIN relayscope.workspace_roles AS w ON w.role_name = a.usename AND w.role_name <> current_user
WHERE a.datname = current_database() AND a.state <> 'idle';
