"""Settings, wiring, commands, and the HTTP API."""
