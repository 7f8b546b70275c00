-- edge: when a span starts that is so many places below the newest of a window
SELECT start_time FROM relayscope.spans
WHERE workspace_id = %(workspace_id)s AND start_time >= %(start)s AND start_time <= %(end)s
ORDER BY start_time DESC OFFSET %(skipped)s LIMIT 1;

-- edge_of_service: the same of the spans of a service
SELECT start_time FROM relayscope.spans
WHERE workspace_id = %(workspace_id)s AND service_name = %(service)s
  AND start_time >= %(start)s AND start_time <= %(end)s
ORDER BY start_time DESC OFFSET %(skipped)s LIMIT 1;

-- unindexed: when the newest span of a window starts that has no chunk
SELECT start_time FROM relayscope.spans
WHERE workspace_id = %(workspace_id)s AND start_time >= %(start)s AND start_time <= %(end)s AND chunk IS NULL
ORDER BY start_time DESC LIMIT 1;

-- with_all: chunks with all of some terms that end in some time and begin before the end of a window, newest first
SELECT chunk, to_time FROM relayscope.attribute_chunks
WHERE workspace_id = %(workspace_id)s AND to_time >= %(first)s AND to_time <= %(last)s AND from_time <= %(end)s
  AND terms @> %(all)s::int[]
ORDER BY to_time DESC;

-- with_any: the same of chunks that have any of some other terms, too
SELECT chunk, to_time FROM relayscope.attribute_chunks
WHERE workspace_id = %(workspace_id)s AND to_time >= %(first)s AND to_time <= %(last)s AND from_time <= %(end)s
  AND terms @> %(all)s::int[] AND terms && %(any)s::int[]
ORDER BY to_time DESC;
