"""What would have been decided under other rules: rule sets, their evaluation over recorded decisions, and the report. Pure."""
