"""Messages in the shapes of all providers and frameworks, as one.

``entries`` finds the messages in a value and says whose each is; ``message_of`` makes one of them ours. The first is cheap, so that of
a long conversation only what is new has to be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from processors.ai.decoding import as_text, decoded, is_array, is_map, printed
from processors.ai.part import first, parts_of, tool_call, without_blobs
from tracedata.interaction import Message, Part

# Whose a message is, and the message as it came.
Entry: TypeAlias = tuple[str, object]

_MAX_DEPTH = 6
_NOTHING: tuple[object, ...] = ("", [], ())
_ROLES = {
    "human": "user",
    "humanmessage": "user",
    "humanmessagechunk": "user",
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "systemmessage": "system",
    "function": "tool",
    "toolmessage": "tool",
    "tool_result": "tool",
}
_PLAIN_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "human", "ai", "model", "function"})
_OUR_ROLES = frozenset({"system", "user", "assistant", "tool"})
_SYSTEM_ROLES = frozenset({"system", "developer"})
# Items of OpenAI's Responses API that are no messages.
_ITEMS = {
    "function_call": "assistant",
    "custom_tool_call": "assistant",
    "computer_call": "assistant",
    "web_search_call": "assistant",
    "reasoning": "assistant",
    "function_call_output": "tool",
    "custom_tool_call_output": "tool",
}
# Where messages stand inside requests and answers, the likeliest first, and what stands before them.
_SYSTEM_KEYS = ("system_instructions", "system_instruction", "systemInstruction", "instructions", "system")
_CONTAINERS = (
    "messages",
    "input_messages",
    "choices",
    "generations",
    "candidates",
    "output_messages",
    "replies",
    "output",
    "contents",
    "input",
    "inputs",
    "prompt",
    "prompts",
    "message",
    "query",
    "documents",
    "update",
    "request",
    "response",
    "outputs",
    "result",
    "text",
    "embedding",
    "data",
)
_MESSAGE_KEYS = frozenset(
    {"parts", "tool_calls", "toolCalls", "function_call", "tool_call_id", "kwargs", "finish_reason"}
)


def entries(value: object, role: str, depth: int = 0) -> list[Entry]:
    """The messages in ``value``, in order; ``role`` is whose they are when they do not say."""
    value = decoded(value)
    if value is None or value == "" or depth > _MAX_DEPTH:
        return []
    if isinstance(value, str):
        return [(role, value)]
    if value.__class__ is list or is_array(value):
        return _of_list(value, role, depth)
    if isinstance(value, Mapping):
        return _of_map(value, role, depth) if value else []
    return [(role, value)]


def _of_list(items: Sequence[object], role: str, depth: int) -> list[Entry]:
    head = items[0] if items else None
    if is_map(head):
        if "role" in head or "parts" in head:
            return _of_messages(items, role, depth)
        if _is_part(head):
            return [(role, {"parts": items})]
    elif isinstance(head, str) and len(items) == 2 and head.lower() in _PLAIN_ROLES and depth:
        return [(role_of(head, role), items[1])]
    elif is_array(head) and depth and len(items) > 1 and not any(is_array(item) and _is_pair(item) for item in items):
        # One prompt for each answer that was asked for: LangChain calls models with several.
        items = items[:1]
    return [entry for item in items for entry in _of_item(item, role, depth)]


def _of_messages(items: Sequence[object], role: str, depth: int) -> list[Entry]:
    found: list[Entry] = []
    for item in items:
        said = item.get("role") if is_map(item) else None
        if said is not None:
            found.append((role_of(said, role), item))
        else:
            found.extend(_of_item(item, role, depth))
    return found


def _is_pair(item: Sequence[object]) -> bool:
    return len(item) == 2 and isinstance(item[0], str)


def _is_part(item: Mapping[str, object]) -> bool:
    said = item.get("type")
    if (
        not isinstance(said, str)
        or said in _ITEMS
        or said in _NO_PARTS
        or said.lower() in _ROLES
        or said in _PLAIN_ROLES
    ):
        return False
    return _NO_PART_KEYS.isdisjoint(item)


_NO_PARTS = frozenset({"message", "constructor"})
_NO_PART_KEYS = frozenset({"role", "message", "function", "page_content"})


def _of_item(item: object, role: str, depth: int) -> list[Entry]:
    if isinstance(item, str):
        return entries(item, role, depth + 1) if item[:1] in {"{", "[", '"'} else ([(role, item)] if item else [])
    if isinstance(item, Mapping):
        return _of_map(item, role, depth)
    return entries(item, role, depth + 1)


def _of_map(item: Mapping[str, object], role: str, depth: int) -> list[Entry]:
    said = item.get("role")
    if said is not None:
        return [(role_of(said, role), item)]
    if item.get("lc") is not None or (isinstance(item.get("type"), str) and "kwargs" in item):
        return [(_role_of_serialised(item, role), item)]
    kind = item.get("type")
    if isinstance(kind, str):
        if kind in _ITEMS:
            return [(_ITEMS[kind], item)]
        if kind.lower() in _ROLES or (kind in _PLAIN_ROLES and "content" in item):
            return [(role_of(kind, role), item)]
    if not _MESSAGE_KEYS.isdisjoint(item) or ("content" in item and "message" not in item):
        inner = item.get("message")
        return [(role_of(_role_inside(inner), role), item)]
    return _of_container(item, role, depth)


def _role_inside(inner: object) -> object:
    return inner.get("role") if isinstance(inner, Mapping) else None


def _of_container(item: Mapping[str, object], role: str, depth: int) -> list[Entry]:
    """Of a request or an answer, the messages in it; of anything else, all of it as one message."""
    config = item.get("config")
    places = (item, config) if isinstance(config, Mapping) else (item,)
    system = next((place[key] for place in places for key in _SYSTEM_KEYS if place.get(key)), None)
    before: list[Entry] = [("system", {"content": system})] if system is not None and role == "user" else []
    if item.get("toolCalls") is not None or ("finishReason" in item and ("text" in item or "object" in item)):
        return [*before, (role, item)]
    if isinstance(item.get("raw"), str):
        # CrewAI: the answer, beside everything that led to it.
        return [(role, item["raw"])]
    for key in _CONTAINERS:
        inner = item.get(key)
        if inner is not None and inner not in _NOTHING and (found := entries(inner, role, depth + 1)):
            return [*before, *found]
    return before or [(role, item)]


def role_of(said: object, otherwise: str) -> str:
    """Whose a message is, in the words of ``Message``."""
    if said.__class__ is not str or not said:
        return otherwise
    text = str(said)
    if text in _OUR_ROLES:
        return text
    return _ROLES.get(text.lower(), text)


def _role_of_serialised(item: Mapping[str, object], role: str) -> str:
    """LangChain says the class, and mostly the type."""
    kwargs = item.get("kwargs")
    if isinstance(kwargs, Mapping) and isinstance(kind := kwargs.get("type"), str):
        return role_of(kind, role)
    names = item.get("id")
    return role_of(names[-1], role) if is_array(names) and names else role


def message_of(entry: Entry) -> Message:
    """One entry as our message."""
    role, raw = entry
    if not isinstance(raw, Mapping):
        return Message(role=role, parts=tuple(parts_of(raw)) if isinstance(raw, str) or is_array(raw) else _whole(raw))
    finish = as_text(first(raw, "finish_reason", "finishReason", "stop_reason"))
    raw = _unwrapped(raw)
    finish = finish or as_text(first(raw, "finish_reason", "finishReason", "stop_reason"))
    parts = tuple(_distinct(_parts(raw, role)))
    if parts and all(part.type == "tool_call_response" for part in parts):
        role = "tool"
    return Message(role=role, parts=parts, name=as_text(raw.get("name")), finish_reason=finish)


def plain_text(entry: Entry) -> str:
    """The text of a message that is one text part and nothing else; empty for any other, of which a message has to be made."""
    raw = entry[1]
    if raw.__class__ is not dict or "parts" not in raw or not _PLAIN_KEYS.issuperset(raw):
        return ""
    parts = raw["parts"]
    if parts.__class__ is not list or len(parts) != 1:
        return ""
    part = parts[0]
    if part.__class__ is not dict or part.get("type") != "text":
        return ""
    text = part.get("content")
    return text if text.__class__ is str else ""


def finish_of_entry(entry: Entry) -> str:
    """What a plain message says of its end."""
    raw = entry[1]
    return as_text(raw.get("finish_reason")) if is_map(raw) else ""


_PLAIN_KEYS = frozenset({"role", "parts", "name", "finish_reason"})


def _unwrapped(raw: Mapping[str, object]) -> Mapping[str, object]:
    """A message without what serialises it, or the choice that it is."""
    while (inner := _first_map(raw, "message", "kwargs", "document", "embedding")) is not None:
        raw = inner
    return raw


def _first_map(raw: Mapping[str, object], *keys: str) -> Mapping[str, object] | None:
    for key in keys:
        inner = raw.get(key)
        if isinstance(inner, Mapping):
            return inner
    return None


def _whole(raw: object) -> tuple[Part, ...]:
    return (Part(type="text", text=printed(raw)),)


def _parts(raw: Mapping[str, object], role: str) -> Iterator[Part]:
    kind = raw.get("type")
    if isinstance(kind, str) and kind in _ITEMS:
        yield from parts_of([raw])
        return
    reasoning = first(raw, "reasoning_content", "reasoning")
    if reasoning and role == "assistant":
        yield from parts_of([{"type": "reasoning", "content": reasoning}])
    content = _content(raw)
    answers = first(raw, "tool_call_id", "toolCallId", "id") if role == "tool" else None
    if answers is not None and not _has_response(content):
        told = {"type": "tool_call_response", "id": answers, "name": raw.get("name"), "response": content}
        yield from parts_of([told])
    else:
        yield from parts_of(content)
    yield from _calls(raw)


def _has_response(content: object) -> bool:
    return is_array(content) and any(isinstance(one, Mapping) and "response" in str(one.get("type")) for one in content)


def _content(raw: Mapping[str, object]) -> object:
    """The content of a message, below the first name for it that has any."""
    for key in ("parts", "contents", "content", "_content", "text", "page_content", "object", "query", "user"):
        content = raw.get(key)
        if content is not None and content not in _NOTHING:
            if key == "contents" and is_array(content):
                return content
            # Gemini: a content has parts of its own.
            inner = content.get("parts") if isinstance(content, Mapping) else None
            return inner if inner is not None else content
    return None if any(key in raw for key in _KNOWN_KEYS) else printed(without_blobs(raw))


_KNOWN_KEYS = frozenset(
    {
        "role",
        "parts",
        "contents",
        "content",
        "text",
        "object",
        "tool_calls",
        "toolCalls",
        "function_call",
        "finish_reason",
    }
    | {"finishReason", "index", "vector", "message", "additional_kwargs", "reasoning", "id", "model"}
)


def _calls(raw: Mapping[str, object]) -> Iterator[Part]:
    """Calls of tools that stand beside the content."""
    calls = decoded(first(raw, "tool_calls", "toolCalls"))
    if is_array(calls):
        for call in calls:
            opened = decoded(call)
            if isinstance(opened, Mapping):
                inner = opened.get("tool_call")
                yield tool_call(inner if isinstance(inner, Mapping) else opened)
    lone = raw.get("function_call")
    if isinstance(lone, Mapping) and lone.get("name"):
        yield tool_call(lone)


def _distinct(parts: Iterator[Part]) -> Iterator[Part]:
    """The same call told in two ways is one."""
    seen = set()
    for part in parts:
        if part.type == "tool_call":
            key = (part.id or part.text, part.name)
            if key in seen:
                continue
            seen.add(key)
        elif part.type == "text" and not part.text:
            continue
        yield part


def is_system(role: str) -> bool:
    return role in _SYSTEM_ROLES
