"""Structured filters, Jaeger's `jaeger.expression.v1`: a tree of theirs becomes a query of ours."""
