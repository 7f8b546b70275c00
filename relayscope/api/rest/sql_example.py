"""Queries to begin with. A test runs each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EXAMPLES: Mapping[str, Sequence[str]] = {
    "spans": (
        (
            "SELECT start_time, service_name, name, duration_ms FROM spans\n"
            "WHERE start_time > now() - interval '1 hour' AND status = 'error' ORDER BY start_time DESC LIMIT 20"
        ),
        (
            "SELECT attributes ->> 'http.route' AS route, count(*),\n"
            "       percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95_ms\n"
            "FROM spans WHERE kind = 'server' AND start_time > now() - interval '1 day' GROUP BY 1 ORDER BY 2 DESC"
        ),
    ),
    "traces": (
        (
            "SELECT trace_id, root_service_name, root_name, duration_ms, span_count, error_count FROM traces\n"
            "WHERE start_time > now() - interval '1 hour' ORDER BY duration_ms DESC LIMIT 20"
        ),
    ),
    "services": ("SELECT service_name, operation_count, last_seen FROM services ORDER BY service_name",),
    "log_records": (
        (
            "SELECT time, service_name, severity_text, message FROM log_records\n"
            "WHERE severity_number >= 17 AND time > now() - interval '1 day' ORDER BY time DESC LIMIT 50"
        ),
    ),
    "ai_interactions": (
        (
            "SELECT model, count(*) AS calls, sum(total_tokens) AS tokens, sum(cost) AS cost, currency\n"
            "FROM ai_interactions WHERE operation = 'chat' AND start_time > now() - interval '7 days'\n"
            "GROUP BY model, currency ORDER BY calls DESC"
        ),
        (
            "SELECT date_trunc('hour', start_time) AS hour, avg(time_to_first_token_ms) FROM ai_interactions\n"
            "WHERE operation = 'chat' AND start_time > now() - interval '1 day' GROUP BY 1 ORDER BY 1"
        ),
    ),
    "decisions": (
        (
            "SELECT rule_name, rule_version, input ->> 'plan' AS plan, count(*) FROM decisions\n"
            "WHERE outcome = 'deny' AND is_enforced IS NOT FALSE AND time > now() - interval '1 day'\n"
            "GROUP BY 1, 2, 3 ORDER BY 4 DESC"
        ),
        (
            "SELECT type, component, count(*), percentile_cont(0.95) WITHIN GROUP (ORDER BY evaluation_time_ms) AS p95_ms\n"
            "FROM decisions WHERE time > now() - interval '1 day' GROUP BY 1, 2 ORDER BY 3 DESC"
        ),
        (
            "SELECT d.outcome, d.rule_name, i.model, sum(i.cost) AS cost, i.currency FROM decisions AS d\n"
            "JOIN ai_interactions AS i ON i.trace_id = d.trace_id\n"
            "WHERE d.type = 'model_selection' AND d.time > now() - interval '1 hour'\n"
            "  AND i.start_time > now() - interval '2 hours' GROUP BY 1, 2, 3, 5 ORDER BY 4 DESC NULLS LAST"
        ),
    ),
    "decision_traces": (
        (
            "SELECT trace_id, request_path, final_outcome ->> 'status' AS status, decision_count, decisions\n"
            "FROM decision_traces WHERE timestamp > now() - interval '1 hour' ORDER BY timestamp DESC LIMIT 20"
        ),
        (
            "SELECT t.trace_id, t.final_outcome ->> 'status' AS status, d.rule_name, t.decisions\n"
            "FROM decision_traces AS t JOIN decisions AS d ON d.trace_id = t.trace_id\n"
            "WHERE d.outcome = 'deny' AND d.time > now() - interval '1 hour' LIMIT 20"
        ),
    ),
    "span_metrics": (
        (
            "SELECT service_name, operation, sum(calls) AS calls, sum(errors) AS errors,\n"
            "       sum(total_duration_ms) / sum(calls) AS mean_ms\n"
            "FROM span_metrics WHERE kind = 'server' AND time > now() - interval '1 day' GROUP BY 1, 2 ORDER BY 3 DESC"
        ),
    ),
    "service_edges": (
        (
            "SELECT source, target, target_kind, sum(calls) AS calls, sum(errors) AS errors,\n"
            "       sum(total_duration_ms) / sum(calls) AS mean_ms\n"
            "FROM service_edges WHERE time > now() - interval '1 day' GROUP BY 1, 2, 3 ORDER BY 4 DESC"
        ),
    ),
    "ai_usage": (
        (
            "SELECT date_trunc('hour', time) AS hour, model, sum(calls) AS calls, sum(total_tokens) AS tokens,\n"
            "       sum(cost) AS cost, currency\n"
            "FROM ai_usage WHERE operation = 'chat' AND time > now() - interval '1 day' GROUP BY 1, 2, 6 ORDER BY 1, 3 DESC"
        ),
    ),
}
