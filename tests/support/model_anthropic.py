"""Answers as Anthropic's API gives them: messages, whole and as streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import msgspec

from tests.support.served_call import CITY, FIRST_CHUNK_NS, SLOW, Answer, Json, ModelCall, ToolCall, failure, text_of

_SERVED = {"claude-haiku-4-5": "claude-haiku-4-5-20251001"}
_CACHED = 64
_WRITTEN_5M = 200
_WRITTEN_1H = 300
_SHORT = 5
_STOP = {"tool_call": "tool_use", "stop": "end_turn", "length": "max_tokens"}


def answer_messages(request: Json, call: ModelCall) -> Answer:
    """``/v1/messages``. What is marked for a cache is written to it; a system prompt comes out of it, in part."""
    status, error_class = failure(call.model_requested)
    last = request["messages"][-1]
    call = msgspec.structs.replace(
        call, operation="chat", status=status, error_class=error_class, prompt=text_of(last["content"])
    )
    if call.error_class or call.model_requested == SLOW:
        return _failed(call)
    call = _counted(_told(call, request, wants_tool=bool(request.get("tools")) and not _is_result(last)), request)
    if not call.is_streaming:
        return Answer(call=call, body=_message(call))
    return Answer(call=call, pieces=list(_events(call)))


def _is_result(message: Json) -> bool:
    content = message["content"]
    return not isinstance(content, str) and content[0]["type"] == "tool_result"


def _told(call: ModelCall, request: Json, *, wants_tool: bool) -> ModelCall:
    tools = [ToolCall(id=f"toolu_{uuid4().hex[:12]}", name="get_weather", arguments=CITY)] if wants_tool else []
    return msgspec.structs.replace(
        call,
        response_id=f"msg_{uuid4().hex}",
        model_served=_SERVED.get(call.model_requested, call.model_requested),
        tool_calls=tools,
        response="" if wants_tool else f"It is rainy, {call.number}F.",
        finish_reason="tool_call" if wants_tool else "length" if request["max_tokens"] <= _SHORT else "stop",
        first_chunk_after_ns=FIRST_CHUNK_NS if call.is_streaming else 0,
    )


def _counted(call: ModelCall, request: Json) -> ModelCall:
    written = json.dumps(request)
    return msgspec.structs.replace(
        call,
        has_usage=True,
        input=50 + call.number,
        cache_read=_CACHED if request.get("system") else 0,
        cache_write_5m=_WRITTEN_5M if '"ttl": "5m"' in written else 0,
        cache_write_1h=_WRITTEN_1H if '"ttl": "1h"' in written else 0,
        output=20 + call.number,
    )


def _failed(call: ModelCall) -> Answer:
    kind = {404: "not_found_error", 429: "rate_limit_error"}.get(call.status, "api_error")
    if call.model_requested == SLOW:
        call = msgspec.structs.replace(call, error_class="timeout")
    error = {"type": kind, "message": f"The model {call.model_requested} fails."}
    return Answer(
        call=call,
        body={"type": "error", "error": error, "request_id": call.request_id},
        is_slow=call.model_requested == SLOW,
    )


def _usage(call: ModelCall) -> Json:
    # Anthropic's input leaves out what came from or went into the cache.
    return {
        "input_tokens": call.input,
        "cache_creation_input_tokens": call.cache_write_5m + call.cache_write_1h,
        "cache_read_input_tokens": call.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": call.cache_write_5m,
            "ephemeral_1h_input_tokens": call.cache_write_1h,
        },
        "output_tokens": call.output,
        "service_tier": "standard",
    }


def _content(call: ModelCall) -> list[Json]:
    tools = [
        {"type": "tool_use", "id": tool.id, "name": tool.name, "input": json.loads(tool.arguments)}
        for tool in call.tool_calls
    ]
    return tools or [{"type": "text", "text": call.response}]


def _message(call: ModelCall) -> Json:
    return {
        "id": call.response_id,
        "type": "message",
        "role": "assistant",
        "model": call.model_served,
        "content": _content(call),
        "stop_reason": _STOP[call.finish_reason],
        "stop_sequence": None,
        "usage": _usage(call),
    }


def _events(call: ModelCall) -> Iterator[bytes]:
    whole = _message(call)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**_usage(call), "output_tokens": 1}}
    yield _event("message_start", {"message": begun})
    for index, block in enumerate(whole["content"]):
        is_text = block["type"] == "text"
        start = {**block, "text": ""} if is_text else {**block, "input": {}}
        yield _event("content_block_start", {"index": index, "content_block": start})
        text = call.response if is_text else json.dumps(block["input"])
        for half in (text[:6], text[6:]):
            delta = (
                {"type": "text_delta", "text": half} if is_text else {"type": "input_json_delta", "partial_json": half}
            )
            yield _event("content_block_delta", {"index": index, "delta": delta})
        yield _event("content_block_stop", {"index": index})
    end: Json = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    # The count here is that of the whole message: adding it to that of the start counts a token twice.
    yield _event("message_delta", {"delta": end, "usage": {"output_tokens": call.output}})
    yield _event("message_stop", {})


def _event(kind: str, rest: Json) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n".encode()
