-- of_trace: records of one trace after a place, by their time; the first condition is for leaving out partitions
SELECT r.time, r.time_ns, r.has_time, r.observed_time, r.observed_time_ns, r.trace_id, r.span_id, r.flags,
       r.severity_number, r.severity_text, r.event_name, r.body, r.attributes, r.dropped_attributes_count, r.redactions,
       r.resource_id, r.scope_id, r.ai_trace_id, r.fingerprint
FROM relayscope.log_records AS r
WHERE r.workspace_id = %(workspace_id)s AND r.trace_id = %(trace_id)s AND r.time >= %(time)s
  AND (r.time, r.time_ns, r.fingerprint) > (%(time)s, %(time_ns)s::smallint, %(fingerprint)s::bigint)
ORDER BY r.time, r.time_ns, r.fingerprint
LIMIT %(limit)s;

-- newest: records of a time range before a place, newest first, on which every given condition holds
SELECT r.time, r.time_ns, r.has_time, r.observed_time, r.observed_time_ns, r.trace_id, r.span_id, r.flags,
       r.severity_number, r.severity_text, r.event_name, r.body, r.attributes, r.dropped_attributes_count, r.redactions,
       r.resource_id, r.scope_id, r.ai_trace_id, r.fingerprint
FROM relayscope.log_records AS r
WHERE r.workspace_id = %(workspace_id)s AND r.time >= %(first)s AND r.time <= %(last)s AND r.time <= %(time)s
  AND (r.time, r.time_ns, r.fingerprint) < (%(time)s, %(time_ns)s::smallint, %(fingerprint)s::bigint)
  AND (%(service)s::text IS NULL OR r.service_name = %(service)s)
  AND (%(min_severity)s::integer IS NULL OR r.severity_number >= %(min_severity)s)
  AND (%(event_name)s::text IS NULL OR r.event_name = %(event_name)s)
  AND (%(trace_id)s::bytea IS NULL OR r.trace_id = %(trace_id)s)
ORDER BY r.time DESC, r.time_ns DESC, r.fingerprint DESC
LIMIT %(limit)s;
