"""The service map as two tables: the calls between services, and the services."""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.schema import ServiceEdge, ServiceMap, ServiceNode
from relayscope.cli.render.table import note, service_cell, table
from relayscope.cli.render.text import duration, moment, rate, share

_NUMBERS = ("CALLS", "ERRORS", "P50", "P95", "P99")


def render_map(answer: ServiceMap) -> RenderableType:
    """Edges with rates, errors and percentiles, then the services; busiest first."""
    window = note(f"{moment(answer.start)} to {moment(answer.end)} UTC")
    if not answer.nodes:
        return Group(note("No service has sent spans in this window:"), window)
    edges = table(left=("FROM", "", "TO"), right=("RATE", *_NUMBERS))
    for edge in sorted(answer.edges, key=lambda edge: -edge.calls):
        rated = Text(rate(edge.calls_per_second))
        edges.add_row(service_cell(edge.source), Text("→"), service_cell(edge.target), rated, *_numbers(edge))
    nodes = table(left=("SERVICE",), right=("SPANS", *_NUMBERS))
    for node in sorted(answer.nodes, key=lambda node: -node.spans):
        nodes.add_row(service_cell(node.service), Text(f"{node.spans:,}"), *_numbers(node))
    shown = edges if answer.edges else note("No service called another one in this window.")
    cut = [note("Rarer calls or services were left out; --service shows one and its neighbours.")]
    length = note(f"RATE is CALLS divided by the whole window, {duration(_length_ms(answer))}.")
    return Group(window, length, Text(), shown, Text(), nodes, *(cut if answer.truncated else []))


def _length_ms(answer: ServiceMap) -> float:
    start, end = (datetime.fromisoformat(moment(time)) for time in (answer.start, answer.end))
    return (end - start) / timedelta(milliseconds=1)


def _numbers(row: ServiceEdge | ServiceNode) -> list[Text]:
    return [
        Text(f"{row.calls:,}"),
        share(row.errors, row.calls),
        Text(duration(row.p50)),
        Text(duration(row.p95)),
        Text(duration(row.p99)),
    ]
