"""What went wrong in a trace as the API shows it."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET

from query.error_signature import ErrorSignature, FailedSpan, signature_of
from relayscope.api.rest import trace_error_schema as schema
from relayscope.api.rest.failure import error_details
from relayscope.api.rest.representation import kind_name
from relayscope.api.rest.value import iso_time, milliseconds
from storage.frame import SpanFrame
from storage.sample import FailureSample
from tracedata import Event, Span
from tracedata.printed import printed

_MAX_CAUSES = 100
_MAX_EXCEPTIONS = 10


def represent_failure(failed: FailedSpan, frames: Sequence[SpanFrame], span: Span) -> schema.TraceFailure:
    """``span`` is the whole of the frame that failed."""
    details = error_details(span)
    exceptions = [event for event in span.events if event.name == "exception"]
    return schema.TraceFailure(
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        service=span.resource.service_name,
        operation=span.name,
        kind=kind_name(span.kind),
        start_time_unix_nano=str(span.start_time_unix_nano),
        duration=milliseconds(span.duration_ns),
        depth=failed.depth,
        is_origin=not failed.came_from,
        caused_by=[frames[place].span_id.hex() for place in failed.came_from[:_MAX_CAUSES]],
        propagated_to=None if failed.led_to is None else frames[failed.led_to].span_id.hex(),
        message=details.message if details else "",
        type=(details.type or "") if details and details.type is not UNSET else "",
        exceptions=[_exception(event) for event in exceptions[-_MAX_EXCEPTIONS:]],
        signature=represent_signature(signature_of(span)),
    )


def represent_signature(signature: ErrorSignature) -> schema.Signature:
    return schema.Signature(**signature._asdict())


def represent_related(
    signature: ErrorSignature, sample: FailureSample, *, but: bytes, limit: int
) -> schema.RelatedErrors:
    """The other traces than ``but`` in which a failure has the signature."""
    found: Mapping[bytes, Span] = _newest_by_trace(sample, signature, but=but)
    shown = list(found.values())[:limit]
    return schema.RelatedErrors(
        signature=represent_signature(signature),
        traces=[_related(span) for span in shown],
        sampled_spans=sample.sampled,
        complete=sample.is_complete and len(shown) == len(found),
    )


def _newest_by_trace(sample: FailureSample, signature: ErrorSignature, *, but: bytes) -> dict[bytes, Span]:
    found: dict[bytes, Span] = {}
    for span in sample.spans:
        if span.trace_id != but and signature_of(span) == signature:
            found.setdefault(span.trace_id, span)
    return found


def _related(span: Span) -> schema.RelatedTrace:
    details = error_details(span)
    return schema.RelatedTrace(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        timestamp=iso_time(span.start_time_unix_nano),
        message=details.message if details else "",
    )


def _exception(event: Event) -> schema.TraceException:
    told = event.attributes
    return schema.TraceException(
        timestamp=iso_time(event.time_unix_nano),
        type=printed(told.get("exception.type")),
        message=printed(told.get("exception.message")),
        stack_trace=printed(told.get("exception.stacktrace")),
    )
