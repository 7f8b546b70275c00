"""Everything that OpenAI's SDK is used for, against the fake. The arguments name the instrumentations."""

from __future__ import annotations

import asyncio

import openai
from openai import AsyncOpenAI, OpenAI
from telemetry import MODEL_URL, TIMEOUT_S, failing, telemetry

_MODEL = "gpt-4o-mini"
_SYSTEM = {"role": "system", "content": "Be terse."}
_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_FUNCTION = {"name": "get_weather", "description": "The weather of a city.", "parameters": _PARAMETERS}
_TOOLS = [{"type": "function", "function": _FUNCTION}]


def _user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def _chats(client: OpenAI) -> None:
    chat = client.chat.completions.create
    chat(
        model=_MODEL, messages=[_SYSTEM, _user("Weather in Paris?")], temperature=0.3, top_p=0.9, max_tokens=50, seed=7
    )
    chat(model="o4-mini", messages=[_user("Think about Paris.")], reasoning_effort="low")
    chat(model=_MODEL, messages=[_user("Say little.")], max_tokens=3)
    for _ in chat(
        model=_MODEL, messages=[_SYSTEM, _user("Stream it.")], stream=True, stream_options={"include_usage": True}
    ):
        pass
    for _ in chat(
        model="o4-mini",
        messages=[_user("Stream what you think.")],
        reasoning_effort="low",
        stream=True,
        stream_options={"include_usage": True},
    ):
        pass
    for _ in chat(model=_MODEL, messages=[_user("Stream without usage.")], stream=True):
        pass


def _tools(client: OpenAI) -> None:
    asked = [_user("Weather in Paris, with a tool?")]
    answer = client.chat.completions.create(model=_MODEL, messages=asked, tools=_TOOLS).choices[0].message
    call = answer.tool_calls[0]
    said = {"role": "assistant", "tool_calls": [call.model_dump()]}
    result = {"role": "tool", "tool_call_id": call.id, "content": "rainy, 57F"}
    client.chat.completions.create(model=_MODEL, messages=[*asked, said, result], tools=_TOOLS)
    for _ in client.chat.completions.create(
        model=_MODEL,
        messages=[_user("Stream a tool call.")],
        tools=_TOOLS,
        stream=True,
        stream_options={"include_usage": True},
    ):
        pass


def _responses(client: OpenAI) -> None:
    client.responses.create(model=_MODEL, instructions="Be terse.", input="Weather as a response?")
    client.responses.create(model="o4-mini", input="Think of a response.", reasoning={"effort": "low"})
    tool = {"type": "function", **_FUNCTION, "strict": False}
    client.responses.create(model=_MODEL, input=[_user("Respond with a tool.")], tools=[tool])
    for _ in client.responses.create(model=_MODEL, instructions="Be terse.", input="Stream a response.", stream=True):
        pass


def _failures(client: OpenAI) -> None:
    chat = client.chat.completions.create
    failing(lambda: chat(model="bad-model", messages=[_user("Are you there?")]), openai.NotFoundError)
    failing(lambda: chat(model="rate-limited", messages=[_user("Too fast?")]), openai.RateLimitError)
    failing(lambda: chat(model="slow-model", messages=[_user("Too slow?")], timeout=TIMEOUT_S), openai.APITimeoutError)
    failing(lambda: client.embeddings.create(model="bad-model", input="Embed?"), openai.NotFoundError)


async def _parallel() -> None:
    client = AsyncOpenAI(base_url=f"{MODEL_URL}/v1", api_key="fake", max_retries=0)
    await asyncio.gather(
        *(client.chat.completions.create(model=_MODEL, messages=[_user("All at once.")]) for _ in range(4))
    )
    await client.close()


def main() -> None:
    with telemetry() as tracer:
        client = OpenAI(base_url=f"{MODEL_URL}/v1", api_key="fake", max_retries=0)
        _chats(client)
        _tools(client)
        _responses(client)
        client.embeddings.create(model="text-embedding-3-small", input="Embed Paris.")
        _failures(client)
        with tracer.start_as_current_span("request", attributes={"session.id": "session-1", "user.id": "user-1"}):
            asyncio.run(_parallel())


if __name__ == "__main__":
    main()
