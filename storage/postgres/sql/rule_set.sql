-- keep: one that is new; no row when the name and version are taken
INSERT INTO relayscope.rule_sets (workspace_id, name, version, digest, body, imported_by)
VALUES (%(workspace_id)s, %(name)s, %(version)s, %(digest)s, %(body)s, %(imported_by)s)
ON CONFLICT (workspace_id, name, version) DO NOTHING
RETURNING name, version, body, imported_by, (extract(epoch FROM imported_at) * 1000000)::bigint AS imported_us;

-- get: one by name; without a version, the one that was imported last
SELECT name, version, body, imported_by, (extract(epoch FROM imported_at) * 1000000)::bigint AS imported_us
FROM relayscope.rule_sets
WHERE workspace_id = %(workspace_id)s AND name = %(name)s
  AND (%(version)s::text IS NULL OR version = %(version)s)
ORDER BY rule_set_id DESC
LIMIT 1;

-- summaries: all, or all versions of a name
SELECT name, version, imported_by, (extract(epoch FROM imported_at) * 1000000)::bigint AS imported_us,
       length(body) AS chars
FROM relayscope.rule_sets
WHERE workspace_id = %(workspace_id)s AND (%(name)s::text IS NULL OR name = %(name)s)
ORDER BY name COLLATE "C", rule_set_id DESC
LIMIT 10000;
