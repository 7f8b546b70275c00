"""The HTTP API: REST under /api/v1 and Jaeger's JSON under /api."""
