"""Answers as OpenAI's API gives them: chat completions, responses and embeddings, whole and as streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec

from tests.support.served_call import CITY, FIRST_CHUNK_NS, SLOW, Answer, Json, ModelCall, ToolCall, failure, text_of

_SERVED = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "o4-mini": "o4-mini-2025-04-16",
    "text-embedding-3-small": "text-embedding-3-small",
}
_CACHED = 64
_REASONING = 12
_SHORT = 5


def answer_chat(request: Json, call: ModelCall) -> Answer:
    """``/v1/chat/completions``."""
    messages: list[Json] = request["messages"]
    last = messages[-1]
    has_cache = messages[0]["role"] in ("system", "developer")
    limit: int = request.get("max_completion_tokens") or request.get("max_tokens") or 100
    call = _told(
        msgspec.structs.replace(call, operation="chat", response_id=f"chatcmpl-{uuid4().hex}"),
        prompt=text_of(last["content"]),
        wants_tool=bool(request.get("tools")) and last["role"] == "user",
        is_cut=limit <= _SHORT,
    )
    call = _counted(call, has_cache=has_cache, reasons="reasoning_effort" in request)
    if call.error_class or call.model_requested == SLOW:
        return _failed(call)
    if not call.is_streaming:
        return Answer(call=msgspec.structs.replace(call, has_usage=True), body=_completion(call))
    has_usage = bool((request.get("stream_options") or {}).get("include_usage"))
    return Answer(
        call=msgspec.structs.replace(call, has_usage=has_usage),
        pieces=list(_chunks(call, has_usage=has_usage)),
    )


def answer_responses(request: Json, call: ModelCall) -> Answer:
    """``/v1/responses``."""
    given = request["input"]
    last = given if isinstance(given, str) else given[-1]
    prompt = last if isinstance(last, str) else text_of(last.get("content", last.get("output", "")))
    is_user = isinstance(last, str) or last.get("role") == "user"
    call = _told(
        msgspec.structs.replace(call, operation="chat", response_id=f"resp_{uuid4().hex}"),
        prompt=prompt,
        wants_tool=bool(request.get("tools")) and is_user,
        is_cut=False,
    )
    call = _counted(call, has_cache=bool(request.get("instructions")), reasons="reasoning" in request)
    if call.error_class or call.model_requested == SLOW:
        return _failed(call)
    call = msgspec.structs.replace(call, has_usage=True)
    if not call.is_streaming:
        return Answer(call=call, body=_response(call))
    return Answer(call=call, pieces=list(_response_events(call)))


def answer_embeddings(request: Json, call: ModelCall) -> Answer:
    """``/v1/embeddings``; such answers have no id, and put nothing out."""
    status, error_class = failure(call.model_requested)
    call = msgspec.structs.replace(
        call,
        operation="embedding",
        status=status,
        error_class=error_class,
        prompt=request["input"] if isinstance(request["input"], str) else request["input"][0],
    )
    if error_class:
        return _failed(call)
    call = msgspec.structs.replace(call, input=8 + call.number, has_usage=True, model_served=_served(call))
    usage = {"prompt_tokens": call.input, "total_tokens": call.input}
    # In base64, as the SDK asks for it: two numbers, 1.0 and 2.0.
    vector: Any = "AACAPwAAAEA=" if request.get("encoding_format") == "base64" else [1.0, 2.0]
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    return Answer(call=call, body={"object": "list", "model": call.model_served, "data": data, "usage": usage})


def _served(call: ModelCall) -> str:
    return _SERVED.get(call.model_requested, call.model_requested)


def _told(call: ModelCall, *, prompt: str, wants_tool: bool, is_cut: bool) -> ModelCall:
    status, error_class = failure(call.model_requested)
    if error_class or call.model_requested == SLOW:
        return msgspec.structs.replace(
            call, response_id="", status=status, error_class=error_class or "timeout", prompt=prompt
        )
    tools = [ToolCall(id=f"call_{uuid4().hex[:12]}", name="get_weather", arguments=CITY)] if wants_tool else []
    return msgspec.structs.replace(
        call,
        model_served=_served(call),
        prompt=prompt,
        tool_calls=tools,
        response="" if wants_tool else f"It is rainy, {call.number}F.",
        finish_reason="tool_call" if wants_tool else "length" if is_cut else "stop",
        first_chunk_after_ns=FIRST_CHUNK_NS if call.is_streaming else 0,
    )


def _counted(call: ModelCall, *, has_cache: bool, reasons: bool) -> ModelCall:
    if call.error_class:
        return call
    # Every call has counts of its own, so that none can be taken for another.
    return msgspec.structs.replace(
        call,
        input=100 + call.number,
        cache_read=_CACHED if has_cache else 0,
        output=30 + call.number,
        reasoning=_REASONING if reasons else 0,
    )


def _failed(call: ModelCall) -> Answer:
    kind = {404: "invalid_request_error", 429: "rate_limit_error"}.get(call.status, "server_error")
    code = {404: "model_not_found", 429: "rate_limit_exceeded"}.get(call.status)
    error = {"message": f"The model {call.model_requested} fails.", "type": kind, "param": None, "code": code}
    return Answer(call=call, body={"error": error}, is_slow=call.model_requested == SLOW)


def _head(call: ModelCall, kind: str) -> Json:
    return {"id": call.response_id, "object": kind, "created": 1, "model": call.model_served}


def _finish(call: ModelCall) -> str:
    return "tool_calls" if call.finish_reason == "tool_call" else call.finish_reason


def _usage(call: ModelCall) -> Json:
    # OpenAI counts what came from the cache as input, and what was thought as output.
    prompt, completion = call.input + call.cache_read, call.output + call.reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": call.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": call.reasoning, "audio_tokens": 0},
    }


def _tool_calls(call: ModelCall) -> list[Json]:
    return [
        {"id": tool.id, "type": "function", "function": {"name": tool.name, "arguments": tool.arguments}}
        for tool in call.tool_calls
    ]


def _completion(call: ModelCall) -> Json:
    message: Json = {"role": "assistant", "content": call.response or None, "refusal": None}
    if call.tool_calls:
        message["tool_calls"] = _tool_calls(call)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(call)}
    return {**_head(call, "chat.completion"), "choices": [choice], "usage": _usage(call)}


def _chunks(call: ModelCall, *, has_usage: bool) -> Iterator[bytes]:
    def piece(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**_head(call, "chat.completion.chunk"), "choices": [choice]})

    yield piece({"role": "assistant", "content": ""})
    for index, tool in enumerate(_tool_calls(call)):
        arguments: str = tool["function"].pop("arguments")
        tool["function"]["arguments"] = ""
        yield piece({"tool_calls": [{"index": index, **tool}]})
        for half in (arguments[:5], arguments[5:]):
            yield piece({"tool_calls": [{"index": index, "function": {"arguments": half}}]})
    for word in call.response.split(" ") if call.response else ():
        yield piece({"content": word if word == "It" else f" {word}"})
    yield piece({}, _finish(call))
    if has_usage:
        yield _data({**_head(call, "chat.completion.chunk"), "choices": [], "usage": _usage(call)})
    yield b"data: [DONE]\n\n"


def _response_output(call: ModelCall) -> list[Json]:
    text = {"type": "output_text", "text": call.response, "annotations": []}
    message = {
        "type": "message",
        "id": f"msg_{uuid4().hex}",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    tools = [
        {
            "type": "function_call",
            "id": f"fc_{uuid4().hex}",
            "call_id": tool.id,
            "name": tool.name,
            "arguments": tool.arguments,
            "status": "completed",
        }
        for tool in call.tool_calls
    ]
    return tools or [message]


def _response(call: ModelCall) -> Json:
    usage = _usage(call)
    return {
        **_head(call, "response"),
        "created_at": 1,
        "status": "completed",
        "output": _response_output(call),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": call.cache_read},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": call.reasoning},
            "total_tokens": usage["total_tokens"],
        },
    }


def _response_events(call: ModelCall) -> Iterator[bytes]:
    whole = _response(call)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[tuple[str, Json]] = [("response.created", {"response": begun})]
    for index, item in enumerate(whole["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        events.append(
            ("response.output_item.added", {"output_index": index, "item": {**item, "status": "in_progress"}})
        )
        if item["type"] == "message":
            deltas = [word if word == "It" else f" {word}" for word in call.response.split(" ")]
            text = {**place, "content_index": 0, "logprobs": []}
            events += [("response.output_text.delta", {**text, "delta": delta}) for delta in deltas]
            events.append(("response.output_text.done", {**text, "text": call.response}))
        else:
            events.append(("response.function_call_arguments.delta", {**place, "delta": item["arguments"]}))
        events.append(("response.output_item.done", {"output_index": index, "item": item}))
    events.append(("response.completed", {"response": whole}))
    for number, (kind, rest) in enumerate(events):
        yield f"event: {kind}\n".encode() + _data({"type": kind, "sequence_number": number, **rest})


def _data(document: Json) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"
