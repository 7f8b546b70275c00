-- empty: removes all spans, and the index of their attributes
TRUNCATE relayscope.spans, relayscope.attribute_chunks;

-- settle: writes out what is in memory
CHECKPOINT;

-- stored: the number of spans, and the bytes of all their partitions and chunks with indexes and TOAST
SELECT (SELECT count(*) FROM relayscope.spans) AS spans,
       (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)
        FROM (SELECT relid FROM pg_partition_tree('relayscope.spans') WHERE isleaf
              UNION ALL SELECT relid FROM pg_partition_tree('relayscope.attribute_chunks') WHERE isleaf) AS tables)::bigint
           AS bytes;

-- leaves: the partitions of the spans table and of its index of attributes, as text that is an identifier already
SELECT relid::regclass::text FROM pg_partition_tree('relayscope.spans') WHERE isleaf
UNION ALL SELECT relid::regclass::text FROM pg_partition_tree('relayscope.attribute_chunks') WHERE isleaf;
