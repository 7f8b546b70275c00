"""What forwarding costs the ingest that it stands beside."""
