"""Redaction of texts, attribute maps and whole spans' worth of them: the two stages put together."""
