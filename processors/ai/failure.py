"""Whether a call failed, and how: classes of errors, by number where there is one, else by words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from processors.ai.detection import Plan
from processors.ai.reader import Reader
from tracedata import Event, StatusCode
from tracedata.interaction import ErrorClass, FinishReason

MAX_MESSAGE_CHARS = 2_000
_MAX_SEARCHED = 4_000

_FAILURES = frozenset({"error", "failure", "failed", "false"})
_BY_CODE: dict[int, ErrorClass] = {
    400: "invalid_request",
    401: "auth",
    402: "rate_limit",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "invalid_request",
    422: "invalid_request",
    429: "rate_limit",
    499: "cancelled",
    504: "timeout",
}
_CODE = re.compile(
    r"(?:error code|status[ _]?code|status|http(?:/[\d.]+)?)[\"']?\s{0,4}[:= ]\s{0,4}[\"']?([45]\d\d)\b", re.IGNORECASE
)
_LEADING_CODE = re.compile(r"^\W*([45]\d\d)\b")
# The first that is found; what is more telling comes first.
_WORDS: tuple[tuple[re.Pattern[str], ErrorClass], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name)  # type: ignore[misc]  # names of classes, in a literal
    for pattern, name in (
        (r"rate.?limit|too many requests|throttl|quota|resource.?exhausted|insufficient_credit", "rate_limit"),
        (
            r"content.?(?:filter|policy|management)|responsible.?ai|moderation|safety|guardrail|blocked by",
            "content_filter",
        ),
        (r"time.?d?.?out|deadline", "timeout"),
        (r"cancel|abort|keyboardinterrupt|generatorexit|client.?disconnect", "cancelled"),
        (r"authenti|authori[sz]|permission|forbidden|unauthori|access.?denied|api.?key|credential", "auth"),
        (r"not.?found|does not exist|no such (?:model|deployment)", "not_found"),
        (
            r"context.?(?:length|window)|invalid|bad.?request|unprocessable|validation|unsupported|malformed",
            "invalid_request",
        ),
        (r"server.?error|unavailable|overloaded|bad.?gateway|api.?error|connection|internal|5\d\d", "server"),
    )
)


class Failure(msgspec.Struct, frozen=True):
    """How a call failed. ``error_class`` is empty when it did not."""

    error_class: ErrorClass = ""
    error_type: str = ""
    message: str = ""


NO_FAILURE = Failure()


def failure_of(
    plan: Plan, reader: Reader, events: Sequence[Event], *, status_code: int, status_message: str
) -> Failure:
    """How the call of a span failed, if it did."""
    error_type = reader.text(plan.error_type) if plan.error_type else ""
    has_failed = status_code == StatusCode.ERROR or bool(error_type)
    code = reader.number(plan.error_code) if plan.error_code else None
    has_failed = has_failed or (code is not None and code >= 400)
    if not has_failed and plan.failure:
        has_failed = any(str(reader.value(path)).strip('"').lower() in _FAILURES for path in plan.failure)
    if not has_failed:
        return NO_FAILURE
    raised, told = _exception(events)
    message = status_message or reader.text(plan.error_message) or told
    error_type = error_type or raised
    return Failure(
        _class(code, error_type, message or told, raised),
        error_type,
        message.partition("Traceback (most recent call last)")[0].strip()[:MAX_MESSAGE_CHARS],
    )


def _exception(events: Sequence[Event]) -> tuple[str, str]:
    """Type and message of the last exception."""
    for event in reversed(events):
        if event.name == "exception":
            kind, message = event.attributes.get("exception.type"), event.attributes.get("exception.message")
            return kind if isinstance(kind, str) else "", message if isinstance(message, str) else ""
    return "", ""


def _class(code: float | None, *words: str) -> ErrorClass:
    text = "\n".join(filter(None, words))[:_MAX_SEARCHED]
    if code is None:
        found = _CODE.search(text) or _LEADING_CODE.search(words[0]) or _LEADING_CODE.search(words[1])
        code = float(found.group(1)) if found else None
    by_words = next((name for pattern, name in _WORDS if pattern.search(text)), None)
    if code == 400 and by_words == "content_filter":
        return "content_filter"
    if code is not None and code >= 400:
        known = _BY_CODE.get(int(code))
        return known or ("server" if code >= 500 else "invalid_request")
    return by_words or "other"


# What senders call the end of an answer, in lower case and with underscores.
_FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "complete": "stop",
    "eos": "stop",
    "finish_reason_stop": "stop",
    "tool_calls": "tool_call",
    "tool_call": "tool_call",
    "tool_use": "tool_call",
    "function_call": "tool_call",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "max_completion_tokens": "length",
    "model_context_window_exceeded": "length",
    "incomplete": "length",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "error": "error",
    "failed": "error",
    "malformed_function_call": "error",
}


def finish_of(said: str) -> FinishReason:
    """A finish reason in our words."""
    if not said:
        return ""
    folded = said.strip("\"'[] ").lower().replace("-", "_").rpartition(".")[2]
    return _FINISHES.get(folded, "other") if folded else ""
