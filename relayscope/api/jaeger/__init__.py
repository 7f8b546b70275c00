"""Jaeger's HTTP APIs of both generations, and its web page."""

from relayscope.api.jaeger.access import JaegerAccess
from relayscope.api.jaeger.archiving import create_archiving_router
from relayscope.api.jaeger.fallback import UnknownEndpoint, is_jaegers
from relayscope.api.jaeger.monitoring import create_monitoring_router
from relayscope.api.jaeger.purging import create_purging_router
from relayscope.api.jaeger.refusal import refusal_response
from relayscope.api.jaeger.router import create_router
from relayscope.api.jaeger.summary import SpanSummaries
from relayscope.api.jaeger.ui import JaegerUi, WebPage, load_ui
from relayscope.api.jaeger.v3 import create_v3_router

__all__ = [
    "JaegerAccess",
    "JaegerUi",
    "SpanSummaries",
    "UnknownEndpoint",
    "WebPage",
    "create_archiving_router",
    "create_monitoring_router",
    "create_purging_router",
    "create_router",
    "create_v3_router",
    "is_jaegers",
    "load_ui",
    "refusal_response",
]
