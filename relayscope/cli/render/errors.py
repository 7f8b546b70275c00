"""What went wrong in a trace, causes first."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.trace_error_schema import RelatedErrors, TraceErrors, TraceFailure
from relayscope.cli.render.table import note
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, moment, service_style

_MAX_STACK_LINES = 12
_MAX_TRACES = 5


def render_errors(found: TraceErrors) -> RenderableType:
    """Failed spans, log records, and other traces with the same trouble."""
    if not found.items and not found.logs:
        return note("No span of this trace failed.")
    lines = [line for failure in found.items for line in _failure(failure)]
    if found.truncated:
        lines += [Text(), note(f"{found.error_count - len(found.items):,} more spans failed.")]
    for record in found.logs:
        lines.append(Text(f"{moment(record.timestamp)} {record.severity} {clean(record.message)}", style=FAINT))
    for related in found.related:
        lines += _related(related)
    return Group(*lines)


def _failure(failure: TraceFailure) -> Iterator[Text]:
    line = Text(clean(failure.service) or "?", style=service_style(failure.service))
    line.append(f" {clean(failure.operation)}", style="bold").append(f"  {failure.span_id}", style=FAINT)
    yield line.append(f"  {duration(failure.duration)}", style=FAINT)
    yield Text(
        f"  {clean(failure.type)}: {clean(failure.message)}" if failure.type else f"  {clean(failure.message)}",
        style=ERROR,
    )
    for exception in failure.exceptions[-1:]:
        stack = exception.stack_trace.splitlines()
        for text in stack[-_MAX_STACK_LINES:]:
            yield Text(f"    {clean(text)}", style=FAINT)
    if failure.propagated_to:
        yield Text(f"  led to {failure.propagated_to}", style=FAINT)
    yield Text()


def _related(related: RelatedErrors) -> Iterator[Text]:
    told = f"{clean(related.signature.operation)}: {clean(related.signature.message) or clean(related.signature.type)}"
    number = f"{len(related.traces):,}" if related.complete else f"at least {len(related.traces):,}"
    yield Text(f"{told} was found in {number} other traces among {related.sampled_spans:,} spans")
    for one in related.traces[:_MAX_TRACES]:
        yield Text(f"  {one.trace_id}  {moment(one.timestamp)}  {clean(one.message)}", style=FAINT)
