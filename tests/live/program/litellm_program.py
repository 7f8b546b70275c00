"""LiteLLM with its OpenTelemetry callback, against the fake. The arguments name instrumentations below it."""

from __future__ import annotations

import asyncio
import time

import litellm
from litellm.integrations.opentelemetry import OpenTelemetry
from opentelemetry import trace
from telemetry import MODEL_URL, TIMEOUT_S, failing, telemetry

_MODEL = "openai/gpt-4o-mini"
_OPENAI = {"api_base": f"{MODEL_URL}/v1", "api_key": "fake", "max_retries": 0, "num_retries": 0}
_ANTHROPIC = {"api_base": MODEL_URL, "api_key": "fake", "max_tokens": 50, "num_retries": 0}
_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_FUNCTION = {"name": "get_weather", "description": "The weather of a city.", "parameters": _PARAMETERS}
_TOOLS = [{"type": "function", "function": _FUNCTION}]
# The callback runs in a thread of LiteLLM's own, which cannot be awaited.
_CALLBACK_S = 1.5


def _user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def _system(text: str) -> dict[str, object]:
    return {"role": "system", "content": text}


def _calls() -> None:
    chat = litellm.completion
    terse = [_system("Be terse."), _user("Weather in Paris?")]
    chat(model=_MODEL, messages=terse, temperature=0.3, max_tokens=50, user="user-1", **_OPENAI)
    usage = {"include_usage": True}
    for _ in chat(model=_MODEL, messages=[_user("Stream it.")], stream=True, stream_options=usage, **_OPENAI):
        pass
    for _ in chat(model=_MODEL, messages=[_user("Stream without usage.")], stream=True, **_OPENAI):
        pass
    chat(model=_MODEL, messages=[_user("Weather in Paris, with a tool?")], tools=_TOOLS, **_OPENAI)
    litellm.embedding(model="openai/text-embedding-3-small", input=["Embed Paris."], **_OPENAI)
    chat(model="anthropic/claude-haiku-4-5", messages=[_system("Be terse."), _user("And you?")], **_ANTHROPIC)


def _failures() -> None:
    def chat(model: str, **settings: float) -> None:
        litellm.completion(model=model, messages=[_user("There?")], **{**_OPENAI, **settings})

    failing(lambda: chat("openai/bad-model"), litellm.NotFoundError)
    failing(lambda: chat("openai/rate-limited"), litellm.RateLimitError)
    failing(lambda: chat("openai/slow-model", timeout=TIMEOUT_S), litellm.Timeout)


async def _parallel() -> None:
    await asyncio.gather(
        *(litellm.acompletion(model=_MODEL, messages=[_user("All at once.")], **_OPENAI) for _ in range(4))
    )
    await asyncio.sleep(_CALLBACK_S)


def main() -> None:
    with telemetry() as tracer:
        litellm.callbacks = [OpenTelemetry(tracer_provider=trace.get_tracer_provider())]
        _calls()
        _failures()
        with tracer.start_as_current_span("request", attributes={"session.id": "session-1", "user.id": "user-1"}):
            asyncio.run(_parallel())
        time.sleep(_CALLBACK_S)


if __name__ == "__main__":
    main()
