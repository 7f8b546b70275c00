-- limits: whoever waits here makes others wait behind
SELECT set_config('lock_timeout', %(lock)s, true) AS patience, set_config('statement_timeout', %(statement)s, true) AS working;

-- cover: makes partitions for the parts of a time range that have none; how many
SELECT relayscope.cover_times(%(signal)s, %(start)s, %(end)s);

-- oldest_stray: the oldest row of a time range that waits in the default partition
SELECT min({time}) FROM {partition} WHERE {time} >= %(start)s AND {time} < %(end)s;
