"""Measures what redaction finds, what it spares and how fast it is, against fixed targets. See docs/redaction.md."""
