"""Jaeger's older HTTP JSON API, for its own web page and for Grafana's data source."""

from relayscope.api.jaeger.fallback import UnknownEndpoint
from relayscope.api.jaeger.router import create_router

__all__ = ["UnknownEndpoint", "create_router"]
