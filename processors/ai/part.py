"""Parts of messages in the shapes of all providers and frameworks, as one. Unknown ones stay, under the name that they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from processors.ai.decoding import as_text, decoded, is_array, printed
from tracedata.interaction import Part

_MAX_DEPTH = 8
# By type in lower case and with underscores.
_TYPES = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "summary_text": "text",
    "refusal": "text",
    "reasoning": "reasoning",
    "thinking": "reasoning",
    "redacted_thinking": "reasoning",
    "redacted_reasoning": "reasoning",
    "tool_call": "tool_call",
    "tool_use": "tool_call",
    "function": "tool_call",
    "function_call": "tool_call",
    "server_tool_call": "server_tool_call",
    "server_tool_use": "server_tool_call",
    "tool_call_response": "tool_call_response",
    "tool_result": "tool_call_response",
    "tool_response": "tool_call_response",
    "function_call_output": "tool_call_response",
    "function_response": "tool_call_response",
    "server_tool_call_response": "server_tool_call_response",
    "blob": "blob",
    "image": "blob",
    "audio": "blob",
    "video": "blob",
    "input_audio": "blob",
    "input_image": "uri",
    "image_url": "uri",
    "uri": "uri",
    "file": "file",
    "input_file": "file",
    "document": "file",
}
# Shapes without a type: what they are by the key that they have (Bedrock, Gemini, Haystack).
_KEYS = {
    "toolUse": "tool_call",
    "functionCall": "tool_call",
    "function_call": "tool_call",
    "tool_call": "tool_call",
    "toolResult": "tool_call_response",
    "functionResponse": "tool_call_response",
    "function_response": "tool_call_response",
    "tool_call_result": "tool_call_response",
    "reasoningContent": "reasoning",
    "inlineData": "blob",
    "inline_data": "blob",
    "fileData": "file",
    "file_data": "file",
    "image": "blob",
    "text": "text",
}
_CONTENT_KEYS = frozenset({"content", "data", "bytes", "b64_json", "file_data", "blob", "base64"})
_BINARY_SIGNS = frozenset({"mime_type", "mimeType", "media_type", "mediaType", "modality", "format"})


def parts_of(value: object, depth: int = 0) -> Iterator[Part]:
    """The parts of a content: a text, a list of parts, or one part. Lists in lists are one, as far as that is sensible."""
    if value is None or value == "":
        return
    if isinstance(value, str):
        yield from _parts_of_text(value)
    elif is_array(value):
        for one in value:
            yield from _parts_of_item(one, depth)
    else:
        yield from _parts_of_item(value, depth)


def _parts_of_text(text: str) -> Iterator[Part]:
    # Content of several parts, which some senders write as text.
    if text[:2] == "[{":
        items = decoded(text)
        if is_array(items) and all(isinstance(item, Mapping) and _looks_like_part(item) for item in items):
            yield from parts_of(items)
            return
    yield Part(type="text", text=text)


def _looks_like_part(item: Mapping[str, object]) -> bool:
    said = item.get("type")
    if isinstance(said, str):
        return said.lower().replace("-", "_") in _TYPES
    return len(item) == 1 and not _KEYS.keys().isdisjoint(item)


def _parts_of_item(item: object, depth: int) -> Iterator[Part]:
    if isinstance(item, str):
        if item:
            yield Part(type="text", text=item)
    elif isinstance(item, Mapping):
        yield part_of(item)
    elif is_array(item) and depth < _MAX_DEPTH:
        yield from parts_of(item, depth + 1)
    elif item is not None:
        yield Part(type="text", text=printed(item))


def part_of(item: Mapping[str, object]) -> Part:
    """One part, in whatever shape."""
    if item.get("type") == "text" and isinstance(content := item.get("content"), str):
        return Part(type="text", text=content, data=item)
    item = _unwrapped(item)
    said = as_text(item.get("type")) or as_text(item.get("part_kind"))
    kind = _TYPES.get(said.lower().replace("-", "_")) if said else None
    if kind is None and not said:
        kind = next((_KEYS[key] for key in item if key in _KEYS and item[key] is not None), None)
        if (
            kind is None
            and ("name" in item or "tool_name" in item)
            and ("arguments" in item or "args" in item or "input" in item)
        ):
            kind = "tool_call"
    maker = _MAKERS.get(kind or "")
    try:
        return maker(item, kind or "") if maker else _other(item, said or "unknown")
    except RecursionError:
        # Parts in parts in parts: what is so deep is nobody's text, and no reason to lose what stands beside it.
        return Part(type=kind or said or "unknown")


def _unwrapped(item: Mapping[str, object]) -> Mapping[str, object]:
    """A flattened part without the name of its kind around it."""
    inner = [item[wrapper] for wrapper in ("message_content", "tool_call") if isinstance(item.get(wrapper), Mapping)]
    if not inner:
        return item
    said = {"type": item["type"]} if "type" in item else {}
    return {**said, **{key: value for one in inner if isinstance(one, Mapping) for key, value in one.items()}}


def _text(item: Mapping[str, object], kind: str) -> Part:
    text = first(item, "content", "text", "refusal")
    return Part(type=kind, text=printed(text), data=item)


def _reasoning(item: Mapping[str, object], kind: str) -> Part:
    text = first(item, "content", "text", "thinking", "reasoning", "summary", "reasoningContent")
    while isinstance(text, Mapping):
        text = first(text, "text", "reasoningText")
    if is_array(text):
        text = "\n".join(part.text for part in parts_of(text))
    return Part(type=kind, text=printed(text), id=as_text(item.get("id")), data=item)


def tool_call(item: Mapping[str, object], kind: str = "tool_call") -> Part:
    """A call of a tool; its arguments as JSON, or as the text that they came as."""
    inner = first(item, "function", "functionCall", "function_call", "toolUse", "tool_call")
    call = {**item, **inner} if isinstance(inner, Mapping) else item
    arguments = first(call, "arguments", "args", "input", "parameters", "tool_input")
    return Part(
        type=kind,
        text=printed(arguments),
        id=as_text(first(call, "id", "call_id", "toolCallId", "tool_call_id", "toolUseId", "tool_use_id")),
        name=as_text(first(call, "name", "toolName", "tool_name")),
        data=without_blobs(item),
    )


def _tool_response(item: Mapping[str, object], kind: str) -> Part:
    inner = first(item, "toolResult", "functionResponse", "function_response", "tool_call_result")
    told = {**item, **inner} if isinstance(inner, Mapping) else item
    result = first(told, "response", "result", "output", "content")
    origin = told.get("origin")
    named = origin if isinstance(origin, Mapping) else told
    return Part(
        type=kind,
        text=text_of(result),
        id=as_text(
            first(told, "id", "tool_call_id", "call_id", "toolCallId", "tool_use_id", "toolUseId") or named.get("id")
        ),
        name=as_text(first(told, "name", "toolName", "tool_name") or named.get("tool_name")),
        data=without_blobs(item),
    )


def text_of(result: object) -> str:
    """The result of a tool as text: parts as their texts, where they are parts."""
    if isinstance(result, Mapping) and set(result) == {"type", "value"}:
        result = result["value"]
    if (
        is_array(result)
        and result
        and all(isinstance(one, Mapping) and ("text" in one or "type" in one) for one in result)
    ):
        texts = [part.text for part in parts_of(result)]
        if all(texts):
            return "\n".join(texts)
    return printed(
        without_blobs({"result": result})["result"] if is_array(result) or isinstance(result, Mapping) else result
    )


def _media(item: Mapping[str, object], kind: str) -> Part:
    url = _address(item)
    if url.startswith("data:"):
        mime = url[5:60].partition(";")[0].partition(",")[0]
        return Part(type="blob", text="", data={**without_blobs(item), "mime_type": mime})
    if url:
        return Part(type="uri", text=url, data=without_blobs(item))
    return Part(type=kind, id=as_text(first(item, "file_id", "id")), data=without_blobs(item))


def _address(item: Mapping[str, object]) -> str:
    """Where a picture, or what else, stands: below one of the names that providers give that."""
    for _ in range(_MAX_DEPTH):
        url = first(
            item, "uri", "url", "image_url", "image", "source", "file_uri", "fileUri", "fileData", "file_data", "data"
        )
        if not isinstance(url, Mapping):
            text = as_text(url)
            return text if "://" in text[:32] or text.startswith("data:") else ""
        item = url
    return ""


def _other(item: Mapping[str, object], said: str) -> Part:
    text = first(item, "content", "text")
    return Part(
        type=said,
        text=text if isinstance(text, str) and not _BINARY_SIGNS & item.keys() else "",
        id=as_text(item.get("id")),
        name=as_text(item.get("name")),
        data=without_blobs(item),
    )


_MAKERS = {
    "text": _text,
    "reasoning": _reasoning,
    "tool_call": tool_call,
    "server_tool_call": tool_call,
    "tool_call_response": _tool_response,
    "server_tool_call_response": _tool_response,
    "blob": _media,
    "uri": _media,
    "file": _media,
}


def first(item: Mapping[str, object], *keys: str) -> object:
    """The first of the keys' values that is there."""
    for key in keys:
        value = item.get(key)
        if value is not None:
            return value
    return None


def without_blobs(item: Mapping[str, object], depth: int = 0) -> Mapping[str, object]:
    """The same, without content in base64: neither in data addresses nor beside the name of a format."""
    if depth > _MAX_DEPTH:
        return {}
    is_binary = not _BINARY_SIGNS.isdisjoint(item) or item.get("type") == "base64"
    kept: dict[str, object] = {}
    for key, value in item.items():
        if isinstance(value, Mapping):
            kept[key] = without_blobs(value, depth + 1)
        elif is_array(value):
            kept[key] = [without_blobs(one, depth + 1) if isinstance(one, Mapping) else one for one in value]
        elif isinstance(value, bytes) or (isinstance(value, str) and _is_blob(key, value, is_binary=is_binary)):
            kept[f"{key}_length"] = len(value)
        else:
            kept[key] = value
    return kept


def _is_blob(key: str, value: str, *, is_binary: bool) -> bool:
    if value.startswith("data:") and ";base64," in value[:200]:
        return True
    return is_binary and key in _CONTENT_KEYS and "://" not in value[:32]


def texts_of(parts: Iterable[Part]) -> Iterator[str]:
    """What parts say: texts, and results of tools."""
    return (part.text for part in parts if part.text and part.type in {"text", "tool_call_response"})
