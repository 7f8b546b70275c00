"""Everything that Anthropic's SDK is used for, against the fake. The SDK makes spans of its own; the arguments name the others."""

from __future__ import annotations

import asyncio

import anthropic
from anthropic import Anthropic, AsyncAnthropic
from telemetry import MODEL_URL, TIMEOUT_S, failing, telemetry

_MODEL = "claude-haiku-4-5"
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOLS = [{"name": "get_weather", "description": "The weather of a city.", "input_schema": _SCHEMA}]


def _user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def _kept(text: str, ttl: str) -> dict[str, object]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}


def _messages(client: Anthropic) -> None:
    create = client.messages.create
    create(model=_MODEL, max_tokens=50, stop_sequences=["END"], messages=[_user("Weather in Paris?")])
    create(model=_MODEL, max_tokens=50, system="Be terse.", messages=[_user("Weather out of the cache?")])
    create(model=_MODEL, max_tokens=50, system=[_kept("Be terse.", "5m")], messages=[_user("Keep it briefly.")])
    create(model=_MODEL, max_tokens=50, messages=[{"role": "user", "content": [_kept("Keep it long.", "1h")]}])
    create(model=_MODEL, max_tokens=3, messages=[_user("Say little.")])


def _streams(client: Anthropic) -> None:
    create = client.messages.create
    for _ in create(model=_MODEL, max_tokens=50, system="Be terse.", messages=[_user("Stream it.")], stream=True):
        pass
    with client.messages.stream(model=_MODEL, max_tokens=50, messages=[_user("Stream with a manager.")]) as stream:
        stream.get_final_message()
    for _ in create(model=_MODEL, max_tokens=50, tools=_TOOLS, messages=[_user("Stream a tool call.")], stream=True):
        pass


def _tools(client: Anthropic) -> None:
    asked = _user("Weather in Paris, with a tool?")
    answer = client.messages.create(model=_MODEL, max_tokens=50, tools=_TOOLS, messages=[asked])
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]}
    result = {"type": "tool_result", "tool_use_id": answer.content[0].id, "content": "rainy, 57F"}
    messages = [asked, said, {"role": "user", "content": [result]}]
    client.messages.create(model=_MODEL, max_tokens=50, tools=_TOOLS, messages=messages)


def _failures(client: Anthropic) -> None:
    create = client.messages.create
    failing(lambda: create(model="bad-model", max_tokens=9, messages=[_user("There?")]), anthropic.NotFoundError)
    failing(lambda: create(model="rate-limited", max_tokens=9, messages=[_user("Fast?")]), anthropic.RateLimitError)
    failing(
        lambda: create(model="slow-model", max_tokens=9, messages=[_user("Slow?")], timeout=TIMEOUT_S),
        anthropic.APITimeoutError,
    )


async def _parallel() -> None:
    client = AsyncAnthropic(base_url=MODEL_URL, api_key="fake", max_retries=0)
    await asyncio.gather(
        *(client.messages.create(model=_MODEL, max_tokens=50, messages=[_user("All at once.")]) for _ in range(4))
    )
    await client.close()


def main() -> None:
    with telemetry() as tracer:
        client = Anthropic(base_url=MODEL_URL, api_key="fake", max_retries=0)
        _messages(client)
        _streams(client)
        _tools(client)
        _failures(client)
        with tracer.start_as_current_span("request", attributes={"session.id": "session-1", "user.id": "user-1"}):
            asyncio.run(_parallel())


if __name__ == "__main__":
    main()
