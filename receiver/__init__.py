"""OTLP in: gRPC and HTTP. Bytes become tracedata, results become status codes."""
