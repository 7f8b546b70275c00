"""TraceQL: text becomes a checked tree, and the tree SQL, in small passes. The language is in docs/traceql.md."""
