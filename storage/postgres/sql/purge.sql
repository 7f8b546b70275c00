-- limits: somebody who reads for long is not waited for
SET LOCAL lock_timeout = '10s';

-- purge: what was received and what was made of it; dictionaries stay, since writers remember what is in them
TRUNCATE relayscope.spans, relayscope.log_records, relayscope.operations, relayscope.ai_interactions, relayscope.ai_search,
         relayscope.decisions, relayscope.archived_traces, relayscope.archived_spans, relayscope.ai_arrivals, relayscope.ai_waiting;
