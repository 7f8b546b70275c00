"""Spans and log records as OTLP tells them: what goes out, whether it is forwarded or exported.

The inverse of the receiver's decoders, which it must not know: rooms beside each other do not. ``message`` makes
protobuf messages, ``wire`` their bytes at once, ``document`` JSON.
"""
