-- Calls without a response id that several traces tell of: only the row says so, and it stands with one of them. Few rows are such.
CREATE INDEX ai_interactions_tied_idx ON relayscope.ai_interactions USING gin ((details -> 'sources') jsonb_path_ops)
    WHERE response_id IS NULL AND jsonb_array_length(details -> 'sources') > 1;
