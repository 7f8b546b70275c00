-- add_resources: stores resources that are not there yet; parallel arrays
INSERT INTO relayscope.resources (workspace_id, resource_id, schema_url, dropped_attributes_count, attributes)
SELECT * FROM unnest(%(workspace_id)s::integer[], %(id)s::bigint[], %(schema_url)s::text[],
                     %(dropped)s::bigint[], %(attributes)s::jsonb[])
ON CONFLICT DO NOTHING;

-- add_scopes: stores scopes that are not there yet; parallel arrays
INSERT INTO relayscope.scopes (workspace_id, scope_id, name, version, schema_url, dropped_attributes_count, attributes)
SELECT * FROM unnest(%(workspace_id)s::integer[], %(id)s::bigint[], %(name)s::text[], %(version)s::text[],
                     %(schema_url)s::text[], %(dropped)s::bigint[], %(attributes)s::jsonb[])
ON CONFLICT DO NOTHING;

-- add_operations: stores operations, or widens the time in which they were seen; parallel arrays
INSERT INTO relayscope.operations AS o (workspace_id, operation_id, kind, service_name, name, first_seen, last_seen)
SELECT * FROM unnest(%(workspace_id)s::integer[], %(id)s::bigint[], %(kind)s::smallint[], %(service_name)s::text[],
                     %(name)s::text[], %(first_seen)s::timestamptz[], %(last_seen)s::timestamptz[])
ON CONFLICT (workspace_id, operation_id) DO UPDATE
SET first_seen = least(o.first_seen, excluded.first_seen), last_seen = greatest(o.last_seen, excluded.last_seen)
WHERE excluded.last_seen > o.last_seen OR excluded.first_seen < o.first_seen;
