"""What a model was asked, and what it answered, as the fake of ``tests.support.model_server`` knows it: the truth of a live test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = dict[str, Any]  # Any: requests and answers are what two companies define


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the model asked for; ``arguments`` is JSON."""

    id: str
    name: str
    arguments: str


class ModelCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTP request. Tokens are in buckets that do not overlap; ``has_usage``: the answer told of them.

    ``finish_reason`` and ``error_class`` are written as ``tracedata.interaction`` has them. ``first_chunk_after_ns`` is how long
    a stream kept its reader waiting, at least.
    """

    number: int
    provider: str
    operation: str
    path: str
    received_unix_nano: int
    model_requested: str
    model_served: str = ""
    response_id: str = ""
    request_id: str = ""
    status: int = 200
    is_streaming: bool = False
    has_usage: bool = False
    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    finish_reason: str = ""
    error_class: str = ""
    prompt: str = ""
    response: str = ""
    tool_calls: Sequence[ToolCall] = ()
    first_chunk_after_ns: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back: ``body`` at once, or the ``pieces`` of a stream of server-sent events. ``is_slow``: much too late."""

    call: ModelCall
    body: Json = {}
    pieces: Sequence[bytes] = ()
    is_slow: bool = False


FIRST_CHUNK_NS = 60_000_000
CITY = '{"city": "Paris"}'
# What a request asks for by the name of its model.
BAD, LIMITED, SLOW = "bad-model", "rate-limited", "slow-model"


def failure(model: str) -> tuple[int, str]:
    """The status with which a model fails, and the class of that error."""
    return {BAD: (404, "not_found"), LIMITED: (429, "rate_limit")}.get(model, (200, ""))


def text_of(content: object) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(text_of(part.get("text", part.get("content", ""))) for part in parts if isinstance(part, dict))
