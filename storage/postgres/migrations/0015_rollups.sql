-- Rollups: what spans amount to by the minute, the hour and the day, and which of that is out of date. ADR 0016 has the reasons.

-- Times of which spans or interactions were stored, changed or removed: written in the transaction that does it, by adding rows
-- only, so that writers never wait for each other. What no row covers is rolled up as it is stored. The leader takes them.
CREATE TABLE relayscope.rollup_arrivals (
    start        timestamptz NOT NULL,
    arrived_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    workspace_id integer NOT NULL,
    minutes      integer NOT NULL,
    signal       text NOT NULL
);
CREATE INDEX rollup_arrivals_start_idx ON relayscope.rollup_arrivals (workspace_id, signal, start);
ALTER TABLE relayscope.rollup_arrivals SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

COMMENT ON COLUMN relayscope.rollup_arrivals.start IS 'on a whole minute';
COMMENT ON COLUMN relayscope.rollup_arrivals.minutes IS 'how long the time is';

-- Hours and days whose rows are to be made anew of those of minutes and hours. Written by the leader only, who locks it.
CREATE TABLE relayscope.rollup_stale (
    bucket       timestamptz NOT NULL,
    workspace_id integer NOT NULL,
    minutes      integer NOT NULL,
    signal       text NOT NULL,
    PRIMARY KEY (workspace_id, signal, minutes, bucket)
);

-- Spans by service, and by operation of it. No unique index: names may be longer than an entry of one, and one process writes.
CREATE TABLE relayscope.span_metrics_1m (
    bucket       timestamptz NOT NULL,
    calls        bigint NOT NULL,
    errors       bigint NOT NULL,
    workspace_id integer NOT NULL,
    kind         smallint,
    service_name text NOT NULL,
    operation    text,
    duration_ns  numeric NOT NULL,
    latencies    smallint[] NOT NULL,
    counts       integer[] NOT NULL
);
COMMENT ON COLUMN relayscope.span_metrics_1m.operation IS 'null in the row of all operations of a service';
COMMENT ON COLUMN relayscope.span_metrics_1m.latencies IS 'numbers of the latency buckets that are not empty, in order: storage.latency';
COMMENT ON COLUMN relayscope.span_metrics_1m.counts IS 'how many spans each of them has';
CREATE INDEX span_metrics_1m_service_idx ON relayscope.span_metrics_1m (workspace_id, bucket, service_name);
CREATE INDEX span_metrics_1m_whole_idx ON relayscope.span_metrics_1m (workspace_id, bucket) WHERE operation IS NULL;
CREATE TABLE relayscope.span_metrics_1h (LIKE relayscope.span_metrics_1m INCLUDING COMMENTS);
CREATE INDEX span_metrics_1h_service_idx ON relayscope.span_metrics_1h (workspace_id, bucket, service_name);
CREATE INDEX span_metrics_1h_whole_idx ON relayscope.span_metrics_1h (workspace_id, bucket) WHERE operation IS NULL;
CREATE TABLE relayscope.span_metrics_1d (LIKE relayscope.span_metrics_1m INCLUDING COMMENTS);
CREATE INDEX span_metrics_1d_service_idx ON relayscope.span_metrics_1d (workspace_id, bucket, service_name);
CREATE INDEX span_metrics_1d_whole_idx ON relayscope.span_metrics_1d (workspace_id, bucket) WHERE operation IS NULL;

-- Calls between what is on the map. A call is counted in the bucket in which the span starts that it is counted on; whether it is one
-- depends on other spans too, its witnesses, and a row is right as long as what is in one of their buckets has not changed.
CREATE TABLE relayscope.service_edges_1m (
    bucket          timestamptz NOT NULL,
    witness         timestamptz NOT NULL,
    calls           bigint NOT NULL,
    errors          bigint NOT NULL,
    workspace_id    integer NOT NULL,
    relation        text NOT NULL,
    source          text NOT NULL,
    target          text NOT NULL,
    system          text NOT NULL,
    other_witnesses timestamptz[],
    latencies       smallint[] NOT NULL,
    counts          integer[] NOT NULL
);
COMMENT ON COLUMN relayscope.service_edges_1m.relation IS 'what is counted: storage.postgres.rollup_relation';
COMMENT ON COLUMN relayscope.service_edges_1m.witness IS 'the first bucket in which witnesses start';
COMMENT ON COLUMN relayscope.service_edges_1m.other_witnesses IS 'the further ones in order, if there are any';
CREATE INDEX service_edges_1m_bucket_idx ON relayscope.service_edges_1m (workspace_id, bucket);
CREATE INDEX service_edges_1m_witness_idx ON relayscope.service_edges_1m (workspace_id, witness) WHERE witness <> bucket;
CREATE INDEX service_edges_1m_others_idx ON relayscope.service_edges_1m (workspace_id, bucket) WHERE other_witnesses IS NOT NULL;
CREATE TABLE relayscope.service_edges_1h (LIKE relayscope.service_edges_1m INCLUDING COMMENTS);
CREATE INDEX service_edges_1h_bucket_idx ON relayscope.service_edges_1h (workspace_id, bucket);
CREATE TABLE relayscope.service_edges_1d (LIKE relayscope.service_edges_1m INCLUDING COMMENTS);
CREATE INDEX service_edges_1d_bucket_idx ON relayscope.service_edges_1d (workspace_id, bucket);

-- Which traces the consumers in other traces link to, of what is rolled up: a producer that comes late finds them here.
CREATE TABLE relayscope.span_links (
    bucket            timestamptz NOT NULL,
    workspace_id      integer NOT NULL,
    trace_id          bytea NOT NULL,
    consumer_trace_id bytea NOT NULL
);
COMMENT ON COLUMN relayscope.span_links.trace_id IS 'the one that is linked to';
CREATE INDEX span_links_bucket_idx ON relayscope.span_links (workspace_id, bucket);
CREATE INDEX span_links_trace_idx ON relayscope.span_links (workspace_id, trace_id);
CREATE INDEX span_links_consumer_idx ON relayscope.span_links (workspace_id, consumer_trace_id);

-- What is stored already is rolled up from here on: every day that has a partition, and every day of which the others hold spans.
INSERT INTO relayscope.rollup_arrivals (workspace_id, signal, start, minutes)
SELECT w.workspace_id, 'spans', days.day, 1440
FROM (SELECT DISTINCT workspace_id FROM relayscope.resources) AS w CROSS JOIN (
    SELECT generate_series(date_bin('1 day', p.from_time, timestamptz 'epoch'), p.to_time - interval '1 microsecond',
                           interval '24 hours') AS day
    FROM relayscope.partitions AS p WHERE p.signal = 'spans' AND isfinite(p.from_time) AND isfinite(p.to_time)
    UNION SELECT date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.spans_past
    UNION SELECT date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.spans_default
    UNION SELECT date_bin('1 day', start_time, timestamptz 'epoch') FROM relayscope.spans_future) AS days;
