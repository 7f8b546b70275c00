"""Loading the system with simulated traffic: a fixed amount, checked afterwards, or a gentle stream."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from relayscope.demo.emission import Account, Emitter, Protocol, SpanKey, otlp_exporter, otlp_log_exporter
from relayscope.demo.simulation import Simulation
from relayscope.demo.verification import Period, TraceApi, missing_spans, unknown_decisions

DEFAULT_SEED = 20_260_101
DEFAULT_TRACES = 200
_SPREAD = timedelta(minutes=30)
# The longest scenario starts this long before its end.
_MARGIN = timedelta(minutes=2)
_FLUSH_EVERY_TRACES = 20
_STREAM_PERIOD_S = 0.5
# A stream must end soon after it is told to, even when nobody answers.
_STREAM_TIMEOUT_S = 5.0


class DemoSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent, and what the system says about it.

    ``spans_sent`` counts every span that ended. ``spans_unacknowledged`` of them were not confirmed by the receiver;
    ``spans_stored`` of the confirmed ones came back from the API and ``spans_missing`` did not. ``services_missing``
    names services that sent confirmed spans and are not listed. ``errors`` counts spans sent with error status,
    ``values_redacted`` what never reached the store, by entity. Decisions are counted as spans are, each once, however many
    carriers told of it.
    """

    spans_sent: int
    spans_acknowledged: int
    spans_unacknowledged: int
    spans_stored: int
    spans_missing: int
    decisions_sent: int
    decisions_unacknowledged: int
    decisions_stored: int
    decisions_missing: int
    traces: int
    services: int
    services_missing: list[str]
    edges: int
    errors: int
    values_redacted: dict[str, int]
    seconds: float
    example_trace_id: str | None

    @property
    def complete(self) -> bool:
        """Something was sent, and all of it is there."""
        lost_spans = self.spans_unacknowledged or self.spans_missing or self.services_missing
        return (
            self.spans_sent > 0 and not lost_spans and not self.decisions_unacknowledged and not self.decisions_missing
        )


def run_once(
    *,
    api_url: str,
    otlp_endpoint: str,
    traces: int = DEFAULT_TRACES,
    seed: int = DEFAULT_SEED,
    protocol: Protocol = "grpc",
    console: Console | None = None,
) -> DemoSummary:
    """Sends ``traces`` traces spread over the last half hour, then looks every acknowledged span up through the API.

    ``console`` shows progress when it is a terminal. Sending ends early when spans stay unacknowledged.

    Raises:
        RetryableError: the API cannot be reached.
        PermanentError: the API answers against its contract.
    """
    begun = time.monotonic()
    now = datetime.now(UTC)
    with _progress(console) as progress:
        account = _send(
            Emitter(
                otlp_exporter(otlp_endpoint, protocol=protocol), otlp_log_exporter(otlp_endpoint, protocol=protocol)
            ),
            before=_moments(now, traces),
            seed=seed,
            on_trace=_step(progress, "sending", traces),
        )
        with closing(TraceApi(api_url)) as api:
            on_trace = _step(progress, "checking", len({key.trace_id for key in account.acknowledged}))
            missing = missing_spans(api, account.acknowledged, on_trace=on_trace)
            missing_decisions = unknown_decisions(api, account.decisions_acknowledged)
            services = api.services()
            period = Period(start=now - _SPREAD - _MARGIN, end=now)
            edges = api.edges(period)
            redactions = api.redactions(period)
    return DemoSummary(
        spans_sent=len(account.sent),
        spans_acknowledged=len(account.acknowledged),
        spans_unacknowledged=len(account.unacknowledged),
        spans_stored=len(account.acknowledged - missing),
        spans_missing=len(missing),
        decisions_sent=len(account.decisions_sent),
        decisions_unacknowledged=len(account.decisions_sent - account.decisions_acknowledged),
        decisions_stored=len(account.decisions_acknowledged - missing_decisions),
        decisions_missing=len(missing_decisions),
        traces=len({key.trace_id for key in account.sent}),
        services=len(services),
        services_missing=sorted(account.services_acknowledged - services),
        edges=len(edges),
        errors=account.errors,
        values_redacted=redactions,
        seconds=round(time.monotonic() - begun, 3),
        example_trace_id=_largest_trace(account.acknowledged),
    )


def stream(
    *,
    otlp_endpoint: str,
    stop: threading.Event,
    on_account: Callable[[Account], None],
    seed: int = DEFAULT_SEED,
    protocol: Protocol = "grpc",
) -> None:
    """Sends about two traces a second, as if they had just ended, until ``stop`` is set.

    ``on_account`` hears after every trace what became of its spans. Unacknowledged spans are not sent again.
    """
    exporter = otlp_exporter(otlp_endpoint, protocol=protocol, timeout_s=_STREAM_TIMEOUT_S)
    logs = otlp_log_exporter(otlp_endpoint, protocol=protocol, timeout_s=_STREAM_TIMEOUT_S)
    with closing(Emitter(exporter, logs)) as emitter:
        simulation = Simulation(seed=seed, processors=emitter.processors, log_processors=emitter.log_processors)
        while not stop.is_set():
            simulation.play(before_ns=time.time_ns())
            on_account(emitter.flush())
            stop.wait(_STREAM_PERIOD_S)


def _send(emitter: Emitter, *, before: list[int], seed: int, on_trace: Callable[[], None]) -> Account:
    accounts: list[Account] = []
    with closing(emitter):
        simulation = Simulation(seed=seed, processors=emitter.processors, log_processors=emitter.log_processors)
        for number, before_ns in enumerate(before, start=1):
            simulation.play(before_ns=before_ns)
            on_trace()
            # The SDK's queue drops what does not fit, so it is emptied long before it is full.
            if number % _FLUSH_EVERY_TRACES == 0 or number == len(before):
                accounts.append(emitter.flush())
                # The exporter has retried for its whole timeout; every further request would take as long to fail.
                if accounts[-1].unacknowledged:
                    break
    return _merged(accounts)


def _moments(now: datetime, traces: int) -> list[int]:
    """When each trace ends, in Unix nanoseconds: evenly spread, the last one now."""
    last_ns = round(now.timestamp() * 1e9)
    spread_ns = round(_SPREAD.total_seconds() * 1e9)
    return [last_ns - spread_ns * (traces - 1 - number) // traces for number in range(traces)]


def _merged(accounts: Iterable[Account]) -> Account:
    merged = Account(sent=frozenset(), acknowledged=frozenset(), errors=0, services_acknowledged=frozenset())
    for account in accounts:
        merged = Account(
            sent=merged.sent | account.sent,
            acknowledged=merged.acknowledged | account.acknowledged,
            errors=merged.errors + account.errors,
            services_acknowledged=merged.services_acknowledged | account.services_acknowledged,
            decisions_sent=merged.decisions_sent | account.decisions_sent,
            decisions_acknowledged=merged.decisions_acknowledged | account.decisions_acknowledged,
        )
    return merged


def _largest_trace(spans: Iterable[SpanKey]) -> str | None:
    sizes = Counter(key.trace_id for key in spans)
    return sizes.most_common(1)[0][0] if sizes else None


@contextmanager
def _progress(console: Console | None) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("traces"))
    shown = console is not None and console.is_terminal
    with Progress(*columns, console=console, disable=not shown, transient=True) as progress:
        yield progress


def _step(progress: Progress, description: str, total: int) -> Callable[[], None]:
    task = progress.add_task(description, total=total)
    return lambda: progress.advance(task)
