"""A simulated RelayCore that sends real OTLP, so that a newcomer sees traces within two minutes.

It knows the system only from outside, as any client does: the OpenTelemetry SDK in, the REST API out.
"""
