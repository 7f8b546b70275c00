"""Measures the endpoints that tell of large traces, on a trace of 100,000 spans in a database of its own."""
