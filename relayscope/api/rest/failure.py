"""What spans say about what went wrong, over the conventions that instrumentations use."""

import re
from collections.abc import Iterable, Iterator

from msgspec import UNSET, UnsetType

from relayscope.api.rest.schema import ErrorDetails
from tracedata import Attributes, Span, StatusCode
from tracedata.printed import printed

_MESSAGE_KEYS = ("exception.message", "error.message")
_TYPE_KEYS = ("error.type", "exception.type")
_HTTP_CODE_KEYS = ("http.response.status_code", "http.status_code")
_GRPC_CODE_KEYS = ("rpc.response.status_code", "rpc.grpc.status_code")
_CODE_KEYS = (*_HTTP_CODE_KEYS, *_GRPC_CODE_KEYS, "error.code")
_HTTP_TIMEOUTS = frozenset({"408", "504"})
_GRPC_TIMEOUTS = frozenset({"4", "DEADLINE_EXCEEDED"})
# TimeoutError, ReadTimeout, timed_out, context.DeadlineExceeded, DEADLINE_EXCEEDED.
_TIMEOUT_TYPE = re.compile(r"time[\s_-]?d?[\s_-]?out|deadline[\s_-]?exceeded", re.IGNORECASE)
_NO_MESSAGE = "error without a message"


def is_failed(span: Span) -> bool:
    return span.status_code == StatusCode.ERROR


def error_details(span: Span) -> ErrorDetails | UnsetType:
    """What a span with an error says about it; unset when the span has none."""
    if not is_failed(span):
        return UNSET
    kind = first_text(_sources(span), _TYPE_KEYS)
    message = span.status_message or first_text(_sources(span), _MESSAGE_KEYS) or kind or _NO_MESSAGE
    return ErrorDetails(
        message=message,
        code=first_text(_sources(span), _CODE_KEYS) or UNSET,
        stack=first_text(_sources(span), ("exception.stacktrace",)) or UNSET,
        type=kind or UNSET,
    )


def is_timeout(span: Span) -> bool:
    """Whether a span with an error reports that time ran out."""
    if not is_failed(span):
        return False
    if any(printed(span.attributes.get(key)) in _HTTP_TIMEOUTS for key in _HTTP_CODE_KEYS):
        return True
    if any(printed(span.attributes.get(key)) in _GRPC_TIMEOUTS for key in _GRPC_CODE_KEYS):
        return True
    kinds = (first_text((source,), (key,)) for source in _sources(span) for key in _TYPE_KEYS)
    return any(kind in _HTTP_TIMEOUTS or _TIMEOUT_TYPE.search(kind) is not None for kind in kinds)


def first_text(sources: Iterable[Attributes], keys: Iterable[str]) -> str:
    """The printed form of the first key that a source has with anything in it; the empty string without one."""
    ordered = tuple(keys)
    for source in sources:
        for key in ordered:
            if key in source and (text := printed(source[key])):
                return text
    return ""


def _sources(span: Span) -> Iterator[Attributes]:
    yield span.attributes
    # The last exception is the one that escaped; earlier ones may have been handled.
    for event in reversed(span.events):
        if event.name == "exception":
            yield event.attributes
