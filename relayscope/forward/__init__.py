"""Sends on what was stored: to other backends over OTLP, to files, to the console; never at the expense of ingest."""
