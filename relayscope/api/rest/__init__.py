"""REST under /api/v1: traces, the service map, services, health."""
