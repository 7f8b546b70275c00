"""What a span says of messages and tools, by its plan; whole, or just what a row needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from processors.ai.convention.table import Source
from processors.ai.decoding import decoded, is_array, printed
from processors.ai.detection import Path, Plan
from processors.ai.event import entries_of_events
from processors.ai.flat import gathered
from processors.ai.message import Entry, entries, finish_of_entry, is_system, message_of, plain_text
from processors.ai.part import texts_of
from processors.ai.reader import Reader
from tracedata.interaction import MAX_TEXT_CHARS, MODEL_OPERATIONS, Conversation, Message, OperationName, Part

_NOTHING: tuple[object, ...] = ({}, [])
_Sources = Sequence[tuple[Source, Path]]


class Said(msgspec.Struct, frozen=True, gc=False):
    """What a row keeps of messages: the new part of the input, the output, and the names of the tools that were called."""

    prompt: str = ""
    response: str = ""
    tool_calls: tuple[str, ...] = ()
    finish_reason: str = ""
    has_output: bool = False


NOTHING_SAID = Said()


def said(plan: Plan, reader: Reader, operation: OperationName) -> Said:
    """What a span says that is not a tool's. An embedding's output are numbers."""
    asked = _input(plan, reader)
    given = _output(plan, reader) if operation != "embedding" else []
    if not asked and not given:
        return NOTHING_SAID
    prompt = _new_text(asked) if operation in MODEL_OPERATIONS else _first_text(asked)
    if len(given) == 1 and (text := plain_text(given[0])):
        # Nearly all answers are one text.
        return Said(prompt, text[:MAX_TEXT_CHARS], (), finish_of_entry(given[0]), True)  # noqa: FBT003 - by position, for speed
    answered = [message_of(entry) for entry in given]
    return Said(
        prompt,
        _text(answered, is_answer=True),
        tuple(part.name for message in answered for part in message.parts if part.type == "tool_call"),
        next((message.finish_reason for message in answered if message.finish_reason), ""),
        any(_says(message) for message in answered),
    )


def said_of_tool(plan: Plan, reader: Reader) -> Said:
    """What the span of a tool says: its arguments and its result."""
    arguments, result = _first_found(reader, plan.arguments), _first_found(reader, plan.result)
    if arguments is None and result is None:
        # Some tell of a tool in messages, as of a model.
        return said(plan, reader, "tool")
    return Said(prompt=printed(arguments)[:MAX_TEXT_CHARS], response=printed(result)[:MAX_TEXT_CHARS])


def whole(plan: Plan, reader: Reader, operation: OperationName | None) -> Conversation:
    """All messages and tools."""
    tools = tuple(_tools(plan, reader))
    if operation == "tool" and (asked := _tool_input(plan, reader)):
        return Conversation(input=asked, output=_tool_output(plan, reader), tools=tools)
    return Conversation(
        input=tuple(message_of(entry) for entry in _input(plan, reader)),
        output=tuple(message_of(entry) for entry in _output(plan, reader)) if operation != "embedding" else (),
        tools=tools,
    )


def _tool_input(plan: Plan, reader: Reader) -> tuple[Message, ...]:
    arguments = _first_found(reader, plan.arguments)
    if arguments is None:
        return ()
    part = Part(
        type="tool_call", text=printed(arguments), id=reader.text(plan.tool_call_id), name=reader.text(plan.tool)
    )
    return (Message(role="assistant", parts=(part,)),)


def _tool_output(plan: Plan, reader: Reader) -> tuple[Message, ...]:
    result = _first_found(reader, plan.result)
    if result is None:
        return ()
    part = Part(
        type="tool_call_response", text=printed(result), id=reader.text(plan.tool_call_id), name=reader.text(plan.tool)
    )
    return (Message(role="tool", parts=(part,)),)


def _first_found(reader: Reader, paths: Sequence[Path]) -> object:
    for path in paths:
        value = reader.value(path)
        if value is not None and value not in ("", "{}", "null"):
            is_quoted = isinstance(value, str) and value[:1] == '"'
            return decoded(value) if is_quoted else value
    return None


def _input(plan: Plan, reader: Reader) -> list[Entry]:
    asked = _best(plan.input, reader, "user", is_output=False)
    if not plan.system:
        return asked
    told = _best(plan.system, reader, "system", is_output=False)
    return [*told, *asked] if told and not any(is_system(role) for role, _ in asked) else asked


def _output(plan: Plan, reader: Reader) -> list[Entry]:
    return _best(plan.output, reader, "assistant", is_output=True)


def _best(sources: _Sources, reader: Reader, role: str, *, is_output: bool) -> list[Entry]:
    """The messages of the first source that says something; what others say stands there too, or is of less worth."""
    empty: list[Entry] = []
    for source, path in sources:
        found = _entries(source, path, reader, role, is_output=is_output)
        if found and (not is_output or len(sources) == 1 or any(_is_said(entry) for entry in found)):
            return found
        empty = empty or found
    return empty


def _entries(source: Source, path: Path, reader: Reader, role: str, *, is_output: bool) -> list[Entry]:
    if source.decoder == "flat":
        return entries(gathered(reader.attributes, source.key), role)
    if source.decoder == "events":
        return entries_of_events(reader.found(path), is_output=is_output)
    value = reader.found(path)
    if value in _NOTHING:
        return []
    return entries(value, role)


def _is_said(entry: Entry) -> bool:
    return bool(plain_text(entry)) or _says(message_of(entry))


def _says(message: Message) -> bool:
    return any(part.type != "text" or part.text for part in message.parts)


def _new_text(asked: Sequence[Entry]) -> str:
    """The text of what came after the last answer, without instructions unless there is nothing else."""
    end = len(asked)
    while end and asked[end - 1][0] == "assistant":
        end -= 1
    begin = end
    while begin and asked[begin - 1][0] != "assistant":
        begin -= 1
    new = asked[begin:end] or asked
    if len(new) == 1 and (text := plain_text(new[0])):
        return text[:MAX_TEXT_CHARS]
    heard = [entry for entry in new if not is_system(entry[0])]
    return _text([message_of(entry) for entry in heard or new])


def _first_text(asked: Sequence[Entry]) -> str:
    """The text of what an agent was asked: what came before its first answer, without instructions as above."""
    end = next((at for at, (role, _) in enumerate(asked) if role == "assistant"), len(asked))
    new = asked[:end] or asked
    heard = [entry for entry in new if not is_system(entry[0])]
    return _text([message_of(entry) for entry in heard or new])


def _text(messages: Sequence[Message], *, is_answer: bool = False) -> str:
    parts = [part for message in messages for part in message.parts if not is_answer or part.type == "text"]
    if len(parts) == 1 and parts[0].type == "text":
        return parts[0].text[:MAX_TEXT_CHARS]
    return "\n".join(texts_of(parts))[:MAX_TEXT_CHARS]


def _tools(plan: Plan, reader: Reader) -> Iterator[Mapping[str, object]]:
    for source, path in plan.tools:
        value = gathered(reader.attributes, source.key) if source.decoder == "flat" else reader.found(path)
        if isinstance(value, Mapping):
            value = value.get("function_tools") or value.get("tools")
        if is_array(value) and value:
            for one in value:
                yield from _tool(decoded(one))
            return


def _tool(value: object) -> Iterator[Mapping[str, object]]:
    """A tool as its name, its description and the schema of its parameters."""
    if not isinstance(value, Mapping):
        return
    for wrapper in ("tool", "function", "json_schema", "toolSpec"):
        inner = decoded(value.get(wrapper))
        if isinstance(inner, Mapping):
            yield from _tool(inner)
            return
    declared = value.get("function_declarations") or value.get("functionDeclarations")
    if is_array(declared):
        for one in declared:
            yield from _tool(one)
        return
    tool: dict[str, object] = {key: value[key] for key in ("type", "name", "description") if value.get(key)}
    for key in ("parameters", "input_schema", "inputSchema", "parameters_json_schema", "parametersJsonSchema"):
        if value.get(key) is not None:
            tool["parameters"] = decoded(value[key])
            break
    if tool:
        yield tool
