-- empty: removes all spans
TRUNCATE relayscope.spans;

-- settle: writes out what is in memory
CHECKPOINT;

-- stored: the number of spans, and the bytes of all partitions with their indexes and TOAST
SELECT (SELECT count(*) FROM relayscope.spans) AS spans,
       (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)
        FROM pg_partition_tree('relayscope.spans') WHERE isleaf)::bigint AS bytes;

-- leaves: the partitions of the spans table, as text that is an identifier already
SELECT relid::regclass::text FROM pg_partition_tree('relayscope.spans') WHERE isleaf;
