"""The body of ``relayscope demo``: load, check, tell where to look, keep sending. The system is running already."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from relayscope.demo.emission import Account, Protocol
from relayscope.demo.load import DEFAULT_SEED, DEFAULT_TRACES, DemoSummary, run_once, stream
from relayscope.invocation import command_name
from tracedata import RelayscopeError

_DEFAULT_HTTP_PORT = 8000
# The rules that the demo's decisions are taken by.
_RULES = Path(__file__).with_name("rules.yaml")


def demo(
    # The ready file has ports, and more of several types.
    ready: Mapping[str, Any],
    *,
    once: bool,
    as_json: bool,
    console: Console,
    seed: int = DEFAULT_SEED,
    traces: int = DEFAULT_TRACES,
    host: str = "127.0.0.1",
    protocol: Protocol = "grpc",
    stop: threading.Event | None = None,
) -> int:
    """Runs the demo against the ports in ``ready`` and returns the exit code: 0, or 1 when a span is not there.

    ``as_json`` needs ``once``. Without ``once`` it goes on sending until ``stop`` is set or the user interrupts.
    Blocks: an event loop calls it in a thread, and then interrupts it through ``stop``.
    """
    api_url = f"http://{host}:{ready['http']}"
    otlp_endpoint = f"http://{host}:{ready[f'otlp_{protocol}']}"
    try:
        summary = run_once(
            api_url=api_url,
            otlp_endpoint=otlp_endpoint,
            traces=traces,
            seed=seed,
            protocol=protocol,
            console=None if as_json else console,
        )
    except RelayscopeError as exc:
        Console(stderr=True).print(f"demo: {exc}", style="red", markup=False)
        return 1
    _show_summary(console, summary, as_json=as_json)
    if not summary.complete:
        return 1
    if once:
        if not as_json:
            command = command_name(sys.argv[0])
            console.out(f"`{command} up`, with the same flags, shows it: try `{command} interactions list`.")
        return 0
    _show_guide(console, summary, host=host, ready=ready)
    # Another seed than the load's, so that the stream does not tell the same stories again.
    tally = _Tally(summary)
    _stream(console, otlp_endpoint, tally, seed=seed + 1, protocol=protocol, stop=stop or threading.Event())
    return 0


def _show_summary(console: Console, summary: DemoSummary, *, as_json: bool) -> None:
    if as_json:
        console.out(msgspec.json.encode(summary).decode(), highlight=False)
        return
    table = Table(show_header=False, box=None, padding=(0, 1))
    table.add_row("spans sent", f"{summary.spans_sent:,} in {summary.traces:,} traces")
    table.add_row("spans stored", f"{summary.spans_stored:,}")
    table.add_row("decisions stored", f"{summary.decisions_stored:,} of {summary.decisions_sent:,}")
    table.add_row("services, edges", f"{summary.services}, {summary.edges}")
    table.add_row("spans with errors", f"{summary.errors:,}, on purpose")
    redacted = summary.values_redacted
    entities = ", ".join(f"{count:,} {entity}" for entity, count in sorted(redacted.items(), key=lambda one: -one[1]))
    table.add_row("values redacted", f"{sum(redacted.values()):,} ({entities})" if redacted else "0")
    table.add_row("seconds", f"{summary.seconds:.1f}")
    console.print(table)
    if summary.complete:
        console.print("Every acknowledged span and decision is there.", style="green")
        return
    console.print(_loss(summary), style="red", markup=False)


def _loss(summary: DemoSummary) -> str:
    if summary.spans_sent == 0:
        return "No spans were sent: ask for at least one trace, and unset OTEL_SDK_DISABLED."
    parts = []
    if summary.spans_unacknowledged:
        parts.append(f"{summary.spans_unacknowledged:,} spans were not acknowledged")
    if summary.spans_missing:
        parts.append(f"{summary.spans_missing:,} acknowledged spans are not there")
    if summary.decisions_unacknowledged:
        parts.append(f"{summary.decisions_unacknowledged:,} decisions were not acknowledged")
    if summary.decisions_missing:
        parts.append(f"{summary.decisions_missing:,} acknowledged decisions are not there")
    if summary.services_missing:
        parts.append(f"services are not listed: {', '.join(summary.services_missing)}")
    return "; ".join(parts) + "."


def _show_guide(console: Console, summary: DemoSummary, *, host: str, ready: Mapping[str, Any]) -> None:
    url = f"http://{host}:{ready['http']}"
    option = "" if ready["http"] == _DEFAULT_HTTP_PORT else f" --url {url}"
    command = command_name(sys.argv[0])
    lines = [
        "",
        "Look here",
        f"  page and REST       {url}/",
        f"  OpenAPI             {url}/openapi.json",
    ]
    if "jaeger_http" in ready:
        lines.append(f"  Jaeger HTTP         http://{host}:{ready['jaeger_http']}/api/services")
    if "jaeger_grpc" in ready:
        lines.append(f"  gRPC queries        {host}:{ready['jaeger_grpc']}")
    lines += [
        f"  OTLP gRPC and HTTP  {host}:{ready['otlp_grpc']} and {host}:{ready['otlp_http']}",
        "",
        "Try, in another terminal",
        f"  {command} services{option}",
        f"  {command} traces --status error{option}",
        f"  {command} trace {summary.example_trace_id}{option}",
        f"  {command} map{option}",
        f"  {command} interactions list{option}",
        f"  {command} interactions models{option}",
        f"  {command} decisions list{option}",
        f"  {command} replay {_RULES}{option}",
        f"  curl '{url}/api/v1/traces?service=relaycore-gateway&limit=5'",
        "",
        "Sending about two traces a second; Ctrl-C stops.",
    ]
    for line in lines:
        # Commands are to be copied, so they are neither wrapped nor coloured.
        console.out(line, highlight=False)


def _stream(
    console: Console, otlp_endpoint: str, tally: _Tally, *, seed: int, protocol: Protocol, stop: threading.Event
) -> None:
    with console.status("sending") as status:
        if not console.is_terminal:
            status.stop()

        def on_account(account: Account) -> None:
            tally.add(account)
            status.update(str(tally))

        try:
            stream(otlp_endpoint=otlp_endpoint, stop=stop, on_account=on_account, seed=seed, protocol=protocol)
        except KeyboardInterrupt:
            stop.set()
    console.print(f"Stopped: {tally}, the first load included.", highlight=False)


class _Tally:
    """Sums up a load and the stream after it, without keeping ids."""

    def __init__(self, load: DemoSummary) -> None:
        self._traces = load.traces
        self._acknowledged = load.spans_acknowledged
        self._unacknowledged = load.spans_unacknowledged

    def add(self, account: Account) -> None:
        self._traces += 1
        self._acknowledged += len(account.acknowledged)
        self._unacknowledged += len(account.unacknowledged)

    def __str__(self) -> str:
        text = f"{self._traces:,} traces, {self._acknowledged:,} spans acknowledged"
        return f"{text}, {self._unacknowledged:,} not" if self._unacknowledged else text
