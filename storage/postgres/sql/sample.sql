-- portion: the next spans of a window, newest first; the second condition is for leaving out partitions
SELECT s.start_time, s.fingerprint, s.attributes, s.events, s.links, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.start_time >= %(start)s AND s.start_time <= %(place)s
  AND (s.start_time, s.fingerprint) < (%(place)s::timestamptz, %(fingerprint)s::bigint)
  AND (%(service)s::text IS NULL OR s.service_name = %(service)s)
ORDER BY s.start_time DESC, s.fingerprint DESC
LIMIT %(rows)s

-- reached: how many rows a portion has, and its last place
SELECT count(*) AS sampled, min(p.start_time) AS place,
       (SELECT q.fingerprint FROM portion AS q ORDER BY q.start_time, q.fingerprint LIMIT 1) AS fingerprint
FROM portion AS p

-- type: that of the value of an attribute, in OTLP's words
CASE jsonb_typeof(a.value)
    WHEN 'string' THEN 'string'
    WHEN 'boolean' THEN 'bool'
    WHEN 'number' THEN CASE WHEN strpos(a.value::text, '.') > 0 THEN 'double' ELSE 'int' END
    WHEN 'array' THEN 'array'
    WHEN 'null' THEN 'empty'
    ELSE CASE WHEN jsonb_typeof(a.value -> '$bytes') = 'string' AND a.value - '$bytes' = '{}' THEN 'bytes'
              WHEN jsonb_typeof(a.value -> '$double') = 'string' AND a.value - '$double' = '{}' THEN 'double'
              ELSE 'kvlist' END
END

-- keys: the attribute keys of a portion
WITH portion AS MATERIALIZED ({portion}), reached AS ({reached}), origin AS (
    SELECT resource_id, scope_id, count(*) AS spans FROM portion GROUP BY resource_id, scope_id
), seen AS (
    SELECT 'span' AS place, a.key, {type} AS type, count(*) AS count
    FROM portion AS p CROSS JOIN LATERAL jsonb_each(p.attributes) AS a
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'event', a.key, {type}, count(*)
    FROM portion AS p
    CROSS JOIN LATERAL jsonb_array_elements(p.events) AS e
    CROSS JOIN LATERAL jsonb_each(e -> 'attributes') AS a
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'link', a.key, {type}, count(*)
    FROM portion AS p
    CROSS JOIN LATERAL jsonb_array_elements(p.links) AS e
    CROSS JOIN LATERAL jsonb_each(e -> 'attributes') AS a
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'resource', a.key, {type}, sum(o.spans)::bigint
    FROM origin AS o
    JOIN relayscope.resources AS r ON r.workspace_id = %(workspace_id)s AND r.resource_id = o.resource_id
    CROSS JOIN LATERAL jsonb_each(r.attributes) AS a
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'scope', a.key, {type}, sum(o.spans)::bigint
    FROM origin AS o
    JOIN relayscope.scopes AS c ON c.workspace_id = %(workspace_id)s AND c.scope_id = o.scope_id
    CROSS JOIN LATERAL jsonb_each(c.attributes) AS a
    GROUP BY 1, 2, 3
)
SELECT r.sampled, r.place AS reached_time, r.fingerprint AS reached_fingerprint, s.place, s.key, s.type, s.count
FROM reached AS r LEFT JOIN seen AS s ON true;

-- values: the values of one attribute key in a portion, by place
WITH portion AS MATERIALIZED ({portion}), reached AS ({reached}), origin AS (
    SELECT resource_id, scope_id, count(*) AS spans FROM portion GROUP BY resource_id, scope_id
), told AS (
    SELECT 'span' AS place, p.attributes -> %(key)s AS value, 1::bigint AS spans FROM portion AS p
    UNION ALL
    SELECT 'event', e -> 'attributes' -> %(key)s, 1 FROM portion AS p CROSS JOIN LATERAL jsonb_array_elements(p.events) AS e
    UNION ALL
    SELECT 'link', e -> 'attributes' -> %(key)s, 1 FROM portion AS p CROSS JOIN LATERAL jsonb_array_elements(p.links) AS e
    UNION ALL
    SELECT 'resource', r.attributes -> %(key)s, o.spans
    FROM origin AS o
    JOIN relayscope.resources AS r ON r.workspace_id = %(workspace_id)s AND r.resource_id = o.resource_id
    UNION ALL
    SELECT 'scope', c.attributes -> %(key)s, o.spans
    FROM origin AS o
    JOIN relayscope.scopes AS c ON c.workspace_id = %(workspace_id)s AND c.scope_id = o.scope_id
), short AS (
    SELECT t.place, t.value::text AS text, t.spans FROM told AS t
    WHERE t.value IS NOT NULL AND (%(only)s::text IS NULL OR t.place = %(only)s)
), seen AS (
    SELECT t.place, t.text, sum(t.spans)::bigint AS count FROM short AS t
    WHERE length(t.text) <= %(chars)s
    GROUP BY t.place, t.text
)
SELECT r.sampled, r.place AS reached_time, r.fingerprint AS reached_fingerprint, s.place, s.text, s.count
FROM reached AS r LEFT JOIN seen AS s ON true;

-- failures: the places of failed spans of a name in the next spans of a service, newest first
WITH portion AS MATERIALIZED (
    SELECT s.start_time, s.fingerprint, s.trace_id, s.span_id, s.status_code = 2 AND s.name = %(operation)s AS is_meant
    FROM relayscope.spans AS s
    WHERE s.workspace_id = %(workspace_id)s AND s.start_time >= %(start)s AND s.start_time <= %(place)s
      AND (s.start_time, s.fingerprint) < (%(place)s::timestamptz, %(fingerprint)s::bigint)
      AND (%(service)s::text IS NULL OR s.service_name = %(service)s)
    ORDER BY s.start_time DESC, s.fingerprint DESC
    LIMIT %(rows)s
), reached AS ({reached})
SELECT r.sampled, r.place AS reached_time, r.fingerprint AS reached_fingerprint,
       p.trace_id, p.span_id, p.start_time, p.fingerprint
FROM reached AS r LEFT JOIN portion AS p ON p.is_meant
ORDER BY p.start_time DESC, p.fingerprint DESC;

-- failed: whole spans by their places; times and fingerprints keep others with the same ids out
SELECT s.trace_id, s.span_id, s.parent_span_id, s.trace_state, s.flags, s.name, s.kind, s.start_time, s.start_time_ns,
       s.duration_ns, s.attributes, s.dropped_attributes_count, s.events, s.dropped_events_count, s.links,
       s.dropped_links_count, s.status_code, s.status_message, s.redactions, s.resource_id, s.scope_id
FROM relayscope.spans AS s
WHERE s.workspace_id = %(workspace_id)s AND s.start_time >= %(first)s AND s.start_time <= %(last)s
  AND s.trace_id = ANY(%(trace_ids)s) AND s.span_id = ANY(%(span_ids)s) AND s.fingerprint = ANY(%(fingerprints)s)
ORDER BY s.start_time DESC, s.fingerprint DESC;
