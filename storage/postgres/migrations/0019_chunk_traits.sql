-- Chunks have terms of durations and failures from now on. Those that are stored already may have any of them, which this term says.
UPDATE relayscope.attribute_chunks SET terms = terms || 2718281;
