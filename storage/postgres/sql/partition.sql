-- limits: whoever waits here makes others wait behind
SELECT set_config('lock_timeout', %(lock)s, true) AS patience, set_config('statement_timeout', %(statement)s, true) AS working;

-- cover: makes partitions for the parts of a time range that have none; how many
SELECT relayscope.cover_times(%(signal)s, %(start)s, %(end)s);

-- oldest_stray_of_spans: the oldest span of a time range that waits in the default partition
SELECT min(start_time) FROM relayscope.spans_default WHERE start_time >= %(start)s AND start_time < %(end)s;

-- oldest_stray_of_attribute_chunks: the oldest chunk of a time range that waits in the default partition
SELECT min(to_time) FROM relayscope.attribute_chunks_default WHERE to_time >= %(start)s AND to_time < %(end)s;

-- oldest_stray_of_ai_search: the oldest entry of the search index in the default partition between two times
SELECT min(start_time) FROM relayscope.ai_search_default WHERE start_time >= %(start)s AND start_time < %(end)s;

-- oldest_stray_of_log_records: the oldest log record of a time range that waits in the default partition
SELECT min(time) FROM relayscope.log_records_default WHERE time >= %(start)s AND time < %(end)s;

-- oldest_stray_of_ai_interactions: the oldest interaction of a time range that waits in the default partition
SELECT min(start_time) FROM relayscope.ai_interactions_default WHERE start_time >= %(start)s AND start_time < %(end)s;

-- oldest_stray_of_decisions: the oldest decision of a time range that waits in the default partition
SELECT min(time) FROM relayscope.decisions_default WHERE time >= %(start)s AND time < %(end)s;
