"""The service map as two tables: the calls between services, and the services."""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relayscope.api.rest.service_schema import ServiceEdge, ServiceMap, ServiceNode
from relayscope.cli.render.table import name_cell, note, service_cell, table
from relayscope.cli.render.text import duration, moment, rate, share

_NUMBERS = ("CALLS", "ERRORS", "P50", "P95", "P99")
_NARROW = (_NUMBERS.index("ERRORS"), _NUMBERS.index("P95"))
_WIDE = 120
_SERVICE = "service"


def render_map(answer: ServiceMap, *, width: int) -> RenderableType:
    """Edges with rates, errors and percentiles, then the services; busiest first.

    With less than ``_WIDE`` cells edges show fewer numbers: two names need the room, or they would look alike.
    """
    window = note(f"{moment(answer.start)} to {moment(answer.end)} UTC")
    if not answer.nodes:
        return Group(note("No service has sent spans in this window:"), window)
    edges = _edges(answer, is_wide=width >= _WIDE)
    nodes = table(left=("SERVICE",), right=("SPANS", *_NUMBERS))
    for node in sorted(answer.nodes, key=lambda node: -node.spans):
        name = _end(node.service, node.kind, node.system)
        nodes.add_row(name, Text(f"{node.spans:,}" if node.kind == _SERVICE else "-"), *_numbers(node))
    shown = edges if answer.edges else note("No service called another one in this window.")
    cut = [note("Rarer calls or services were left out; --service shows one and its neighbours.")]
    length = note(f"RATE is CALLS divided by the whole window, {duration(_length_ms(answer))}.")
    return Group(window, length, Text(), shown, Text(), nodes, *(cut if answer.truncated else []))


def _edges(answer: ServiceMap, *, is_wide: bool) -> Table:
    kept = range(len(_NUMBERS)) if is_wide else _NARROW
    edges = table(left=("FROM", "", "TO"), right=("RATE", *(_NUMBERS[place] for place in kept)))
    for edge in sorted(answer.edges, key=lambda edge: -edge.calls):
        numbers = _numbers(edge)
        arrow = Text("⇢" if edge.is_async else "→")
        ends = (
            _end(edge.source, edge.source_kind, edge.system),
            arrow,
            _end(edge.target, edge.target_kind, edge.system),
        )
        edges.add_row(*ends, Text(rate(edge.calls_per_second)), *(numbers[place] for place in kept))
    return edges


def _end(name: str, kind: str, system: str | None) -> Text:
    """A service by its name, anything else with what it is."""
    return service_cell(name) if kind == _SERVICE else name_cell(f"{name} ({system or kind})")


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
