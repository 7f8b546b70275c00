-- lock: one migration at a time, over all processes that share the database
SELECT pg_advisory_xact_lock(hashtext('relayscope.migration'));

-- extension: the version of Citus in this database, none when it is not there
SELECT extversion FROM pg_extension WHERE extname = 'citus';

-- missing: which of some tables are ordinary ones still, in the order given
SELECT given.name
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS given (name, position)
WHERE NOT EXISTS (SELECT 1 FROM pg_dist_partition AS p WHERE p.logicalrelid = ('relayscope.' || given.name)::regclass)
ORDER BY given.position;

-- limits: copying what is stored already takes its time, waiting for a lock must not
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = 0;

-- replicate: keeps a copy of a table on every node
SELECT create_reference_table(('relayscope.' || %(name)s::text)::regclass);

-- distribute: spreads the rows of a table with all its partitions over the nodes
SELECT create_distributed_table(('relayscope.' || %(name)s::text)::regclass, %(column)s);

-- forget_local: frees the space of the rows that were copied to the nodes
SELECT truncate_local_data_after_distributing_table(('relayscope.' || %(name)s::text)::regclass);
