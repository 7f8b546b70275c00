"""The PostgreSQL store: schema, COPY writer, readers, partitions, embedded server."""
