-- minute: the minute in which a span starts; no time zone has a say in it
date_bin('1 minute', s.start_time, timestamptz 'epoch')

-- latency: the number of the bucket of a duration, as storage.latency has it
CASE WHEN s.duration_ns > 0 THEN (ceil(ln(s.duration_ns::float8) / 0.048790164169432) + 1)::smallint ELSE 0::smallint END

-- measured: what is needed of a span to count it, and calls on it; the last three say which peer a client's span names
s.trace_id, s.span_id, s.parent_span_id, s.start_time, {minute} AS minute, s.duration_ns, s.kind, s.status_code = 2 AS is_failed,
{latency} AS latency, s.service_name, s.service_name <> '' AS is_named, peer.relation, peer.name AS peer, peer.system,
CASE WHEN s.kind = 5 THEN s.links END AS links

-- peer: what the span of a client, a producer or a consumer names at its other end; joined to spans named s
LEFT JOIN LATERAL (
    SELECT left(CASE WHEN named.db <> '' THEN coalesce(named.namespace, named.address, named.db)
                     WHEN named.broker <> '' THEN coalesce(named.destination, named.broker)
                     ELSE coalesce(named.service, named.address) END, 255) AS name,
           left(coalesce(named.db, named.broker, ''), 255) AS system,
           CASE WHEN named.db <> '' THEN 'database'
                WHEN named.broker <> '' AND s.kind = 5 THEN 'consume'
                WHEN named.broker <> '' THEN 'produce'
                ELSE 'external' END AS relation
    FROM (SELECT CASE WHEN s.kind = 3 THEN coalesce(nullif(s.attributes ->> 'db.system.name', ''),
                                                    nullif(s.attributes ->> 'db.system', '')) END AS db,
                 nullif(s.attributes ->> 'messaging.system', '') AS broker,
                 coalesce(nullif(s.attributes ->> 'db.namespace', ''), nullif(s.attributes ->> 'db.name', '')) AS namespace,
                 coalesce(nullif(s.attributes ->> 'messaging.destination.name', ''),
                          nullif(s.attributes ->> 'messaging.destination', '')) AS destination,
                 nullif(s.attributes ->> 'peer.service', '') AS service,
                 coalesce(nullif(s.attributes ->> 'server.address', ''), nullif(s.attributes ->> 'net.peer.name', ''),
                          nullif(s.attributes ->> 'http.host', ''),
                          substring(coalesce(s.attributes ->> 'url.full', s.attributes ->> 'http.url')
                                    FROM '^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]+)')) AS address
          -- Here rather than in the condition of the join, which is looked at last.
          WHERE s.kind IN (3, 4, 5) AND s.service_name <> '' AND s.attributes IS NOT NULL
          OFFSET 0) AS named
    WHERE named.db <> '' OR named.broker <> ''
       OR s.kind = 3 AND coalesce(named.service, named.address) <> ''
              AND NOT (s.attributes ?| ARRAY['gen_ai.provider.name', 'gen_ai.system'])
) AS peer ON true

-- related: the traces that are read for those of rows named direct: these, those that their consumers link to, and those whose consumers
-- link to these, with all that they link to
SELECT trace_id FROM direct
UNION
SELECT decode(link ->> 'traceId', 'hex') FROM direct CROSS JOIN LATERAL jsonb_array_elements(direct.links) AS link
UNION
SELECT k.consumer_trace_id FROM direct JOIN relayscope.span_links AS k ON k.workspace_id = %(workspace_id)s AND k.trace_id = direct.trace_id
UNION
SELECT o.trace_id FROM direct JOIN relayscope.span_links AS k ON k.workspace_id = %(workspace_id)s AND k.trace_id = direct.trace_id
JOIN relayscope.span_links AS o ON o.workspace_id = %(workspace_id)s AND o.consumer_trace_id = k.consumer_trace_id

-- calls: every call that the spans of whole traces show, in a relation named touched, with the minutes in which its witnesses start: the
-- parents of one service, the children in other services that answered a client, or the producers of one service that a consumer in another
-- trace links to; whether one of these is wanted, and whether all are.
-- Rows with the same ids count by themselves, which is why most parents, that are alone with their ids, need no grouping
SELECT c.minute, c.start_time, c.is_failed, c.latency,
       CASE WHEN p.service_name <> c.service_name OR c.kind IN (2, 5) THEN 'call' ELSE 'within' END AS relation,
       p.service_name AS source, c.service_name AS target, '' AS system,
       p.minute AS witness, NULL::timestamptz[] AS other_witnesses, p.is_wanted AS touches, p.is_wanted AS only
FROM touched AS c
JOIN touched AS p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id AND p.is_named AND p.is_alone
                 AND p.start_time > c.start_time - interval '24 hours' AND p.start_time < c.start_time + interval '24 hours'
WHERE c.is_named
UNION ALL
SELECT found.minute, found.start_time, found.is_failed, found.latency, found.relation, found.source, found.target, '',
       found.witness, CASE WHEN found.last > found.witness THEN ARRAY(
           SELECT DISTINCT other FROM unnest(found.witnesses) AS other WHERE other > found.witness ORDER BY other) END,
       found.touches, found.only
FROM (
    SELECT c.minute, c.start_time, c.is_failed, c.latency,
           CASE WHEN p.service_name <> c.service_name OR c.kind IN (2, 5) THEN 'call' ELSE 'within' END AS relation,
           p.service_name AS source, c.service_name AS target,
           min(p.minute) AS witness, max(p.minute) AS last, array_agg(p.minute) AS witnesses, bool_or(p.is_wanted) AS touches,
           bool_and(p.is_wanted) AS only
    FROM touched AS c
    JOIN touched AS p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id AND p.is_named AND NOT p.is_alone
                     AND p.start_time > c.start_time - interval '24 hours' AND p.start_time < c.start_time + interval '24 hours'
    WHERE c.is_named
    GROUP BY c.number, c.minute, c.start_time, c.is_failed, c.latency, c.kind, c.service_name, p.service_name
    UNION ALL
    SELECT k.minute, k.start_time, k.is_failed, k.latency, 'answered', k.service_name, k.peer,
           min(d.minute), max(d.minute), array_agg(d.minute), bool_or(d.is_wanted), bool_and(d.is_wanted)
    FROM touched AS k
    JOIN touched AS d ON d.trace_id = k.trace_id AND d.parent_span_id = k.span_id AND d.is_named
                     AND d.start_time > k.start_time - interval '24 hours' AND d.start_time < k.start_time + interval '24 hours'
    WHERE k.relation = 'external' AND d.service_name <> k.service_name
    GROUP BY k.number, k.minute, k.start_time, k.is_failed, k.latency, k.service_name, k.peer
    UNION ALL
    SELECT c.minute, c.start_time, c.is_failed, c.latency, 'link', p.service_name, c.service_name,
           min(p.minute), max(p.minute), array_agg(p.minute), bool_or(p.is_wanted), bool_and(p.is_wanted)
    FROM touched AS c CROSS JOIN LATERAL jsonb_array_elements(c.links) AS link
    JOIN touched AS p ON p.trace_id = decode(link ->> 'traceId', 'hex') AND p.span_id = decode(link ->> 'spanId', 'hex')
                     AND p.is_named AND p.kind = 4 AND p.trace_id <> c.trace_id
                     AND p.start_time > c.start_time - interval '24 hours' AND p.start_time < c.start_time + interval '24 hours'
    WHERE c.is_named AND c.links IS NOT NULL
    GROUP BY c.number, c.minute, c.start_time, c.is_failed, c.latency, c.service_name, p.service_name
) AS found
UNION ALL
SELECT k.minute, k.start_time, k.is_failed, k.latency, k.relation,
       CASE WHEN k.relation = 'consume' THEN k.peer ELSE k.service_name END,
       CASE WHEN k.relation = 'consume' THEN k.service_name ELSE k.peer END, k.system, k.minute, NULL, k.is_wanted, k.is_wanted
FROM touched AS k
WHERE k.relation IS NOT NULL

-- witness_in_day: whether a day is rolled up as it is in which a witness of the row t starts
NOT date_bin('1 day', t.witness, timestamptz 'epoch') <@ %(unclean_days)s::tstzmultirange
OR t.other_witnesses IS NOT NULL AND EXISTS (
    SELECT FROM unnest(t.other_witnesses) AS one
    WHERE NOT date_bin('1 day', one, timestamptz 'epoch') <@ %(unclean_days)s::tstzmultirange)

-- witness_in_hour: whether such an hour is
NOT date_bin('1 hour', t.witness, timestamptz 'epoch') <@ %(unclean_hours)s::tstzmultirange
OR t.other_witnesses IS NOT NULL AND EXISTS (
    SELECT FROM unnest(t.other_witnesses) AS one
    WHERE NOT date_bin('1 hour', one, timestamptz 'epoch') <@ %(unclean_hours)s::tstzmultirange)

-- witness_in_minute: whether such a minute is
NOT t.witness <@ %(dirty)s::tstzmultirange
OR t.other_witnesses IS NOT NULL AND EXISTS (
    SELECT FROM unnest(t.other_witnesses) AS one WHERE NOT one <@ %(dirty)s::tstzmultirange)

-- usage_key: what a row of AI usage is about
service_name, provider, model, model_requested, model_family, operation, agent, status, currency

-- usage_sums: the columns of AI usage that are added up
calls, streaming, priced, is_estimated, cost_pico, input_tokens, cache_read_tokens, cache_write_tokens, cache_write_5m_tokens,
cache_write_1h_tokens, audio_input_tokens, output_tokens, reasoning_tokens, audio_output_tokens, written, writing_ns

-- usage_added: these, of several rows together
sum(calls)::bigint AS calls, sum(streaming)::bigint AS streaming, sum(priced)::bigint AS priced, bool_or(is_estimated) AS is_estimated,
sum(cost_pico) AS cost_pico, sum(input_tokens) AS input_tokens, sum(cache_read_tokens) AS cache_read_tokens,
sum(cache_write_tokens) AS cache_write_tokens, sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(audio_input_tokens) AS audio_input_tokens,
sum(output_tokens) AS output_tokens, sum(reasoning_tokens) AS reasoning_tokens, sum(audio_output_tokens) AS audio_output_tokens,
sum(written) AS written, sum(writing_ns) AS writing_ns

-- usage_of: an interaction named i as a row of AI usage
i.start_time AS bucket, i.service_name, i.provider, i.model, i.model_requested, i.model_family, i.operation, i.agent, i.status,
CASE WHEN i.cost_pico IS NOT NULL THEN coalesce(i.currency, 'USD') END AS currency,
1::bigint AS calls, (i.is_streaming IS TRUE)::integer::bigint AS streaming, (i.cost_pico IS NOT NULL)::integer::bigint AS priced,
i.is_estimated, i.cost_pico::numeric AS cost_pico, i.input_tokens::numeric AS input_tokens,
i.cache_read_tokens::numeric AS cache_read_tokens, i.cache_write_tokens::numeric AS cache_write_tokens,
i.cache_write_5m_tokens::numeric AS cache_write_5m_tokens, i.cache_write_1h_tokens::numeric AS cache_write_1h_tokens,
i.audio_input_tokens::numeric AS audio_input_tokens, i.output_tokens::numeric AS output_tokens,
i.reasoning_tokens::numeric AS reasoning_tokens, i.audio_output_tokens::numeric AS audio_output_tokens,
CASE WHEN told.written > 0 AND told.writing_ns > 0 THEN told.written::numeric END AS written,
CASE WHEN told.written > 0 AND told.writing_ns > 0 THEN told.writing_ns::numeric END AS writing_ns,
ARRAY[told.latency] AS latencies, ARRAY[1] AS counts,
CASE WHEN told.first_latency IS NULL THEN ARRAY[]::smallint[] ELSE ARRAY[told.first_latency] END AS first_latencies,
CASE WHEN told.first_latency IS NULL THEN ARRAY[]::integer[] ELSE ARRAY[1] END AS first_counts

-- usage_told: joined to interactions named i, for that
CROSS JOIN LATERAL (
    SELECT coalesce(i.output_tokens, 0)::bigint + coalesce(i.reasoning_tokens, 0) + coalesce(i.audio_output_tokens, 0) AS written,
           i.latency_ns - coalesce(i.time_to_first_token_ns, 0) AS writing_ns,
           CASE WHEN i.latency_ns > 0 THEN (ceil(ln(i.latency_ns::float8) / 0.048790164169432) + 1)::smallint ELSE 0::smallint END AS latency,
           CASE WHEN i.time_to_first_token_ns > 0
                THEN (ceil(ln(i.time_to_first_token_ns::float8) / 0.048790164169432) + 1)::smallint
                WHEN i.time_to_first_token_ns IS NOT NULL THEN 0::smallint END AS first_latency) AS told

-- cells_of_usage: latency buckets of rows named placed, by their number; the second of two kinds is the time to the first token
SELECT number, is_first, array_agg(latency ORDER BY latency) AS latencies, array_agg(calls::integer ORDER BY latency) AS counts
FROM (
    SELECT p.number, cell.is_first, cell.latency, sum(cell.calls) AS calls
    FROM placed AS p CROSS JOIN LATERAL (
        SELECT false, a.* FROM unnest(p.latencies, p.counts) AS a (latency, calls)
        UNION ALL SELECT true, b.* FROM unnest(p.first_latencies, p.first_counts) AS b (latency, calls)) AS cell (is_first, latency, calls)
    GROUP BY p.number, cell.is_first, cell.latency
) AS cells
GROUP BY number, is_first

-- usage_merge: rows named placed with the same number as one, named merged
cells AS MATERIALIZED ({cells_of_usage}), sums AS (
    SELECT number, place, {usage_key}, {usage_added} FROM placed GROUP BY number, place, {usage_key}
), merged AS (
    SELECT s.*, a.latencies, a.counts, coalesce(b.latencies, ARRAY[]::smallint[]) AS first_latencies, coalesce(b.counts, ARRAY[]::integer[]) AS first_counts
    FROM sums AS s JOIN cells AS a ON a.number = s.number AND NOT a.is_first
    LEFT JOIN cells AS b ON b.number = s.number AND b.is_first
)
