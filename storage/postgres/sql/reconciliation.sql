-- make_account: what a sender knows about each of its spans
CREATE TEMPORARY TABLE account (trace_id bytea NOT NULL, span_id bytea NOT NULL, outcome smallint NOT NULL);

-- know_account: a join without statistics may take a bad plan
ANALYZE account;

-- compare: the account beside what is stored; spans of an account have ids that are never used twice
WITH stored AS (
    SELECT trace_id, span_id, count(*) AS copies FROM relayscope.spans GROUP BY trace_id, span_id
)
SELECT coalesce(sum(s.copies), 0)::bigint AS stored,
       count(*) FILTER (WHERE a.outcome = %(acknowledged)s) AS acknowledged,
       count(*) FILTER (WHERE a.outcome = %(acknowledged)s AND s.copies IS NULL) AS lost,
       coalesce(sum(s.copies - 1), 0)::bigint AS duplicated,
       count(*) FILTER (WHERE a.outcome <> %(acknowledged)s AND s.copies IS NOT NULL) AS unacknowledged,
       count(*) FILTER (WHERE a.outcome IS NULL) AS unaccounted
FROM account AS a FULL JOIN stored AS s ON s.trace_id = a.trace_id AND s.span_id = a.span_id;
