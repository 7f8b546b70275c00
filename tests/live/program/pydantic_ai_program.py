"""Agents of pydantic-ai, with its own instrumentation, against the fake. The arguments name instrumentations below it."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI
from opentelemetry.trace import Tracer
from pydantic_ai import Agent, Embedder
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from telemetry import MODEL_URL, TIMEOUT_S, failing, telemetry

_MODEL = "gpt-4o-mini"


def _get_weather(city: str) -> str:
    return f"rainy in {city}, 57F"


def _agent(model: Model, *, name: str = "weather", instructions: str | None = None) -> Agent:
    agent = Agent(model, name=name, instructions=instructions)
    agent.tool_plain(_get_weather, name="get_weather", description="The weather of a city.")
    return agent


async def _stream(model: Model) -> None:
    async with Agent(model, name="streamer", instructions="Be terse.").run_stream("Stream it.") as result:
        await result.get_output()


async def _runs(provider: OpenAIProvider, tracer: Tracer) -> None:
    chat = OpenAIChatModel(_MODEL, provider=provider)
    await _agent(chat, instructions="Be terse.").run("Weather in Paris, with a tool?")
    await Agent(chat, name="plain").run("Weather in Paris?", model_settings={"temperature": 0.3, "max_tokens": 50})
    await _stream(chat)
    await _agent(OpenAIResponsesModel(_MODEL, provider=provider), name="responder").run("Respond with a tool.")
    await Embedder(OpenAIEmbeddingModel("text-embedding-3-small", provider=provider)).embed_query("Embed Paris.")
    with tracer.start_as_current_span("request", attributes={"session.id": "session-1", "user.id": "user-1"}):
        await asyncio.gather(*(Agent(chat, name="parallel").run("All at once.") for _ in range(4)))


def _failures() -> None:
    def run(model: str, **settings: float) -> None:
        provider = OpenAIProvider(openai_client=_client())
        Agent(OpenAIChatModel(model, provider=provider), name="failing").run_sync("There?", model_settings=settings)

    failing(lambda: run("bad-model"), ModelHTTPError)
    failing(lambda: run("rate-limited"), ModelHTTPError)
    failing(lambda: run("slow-model", timeout=TIMEOUT_S), ModelAPIError)


def _client() -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{MODEL_URL}/v1", api_key="fake", max_retries=0)


def main() -> None:
    with telemetry() as tracer:
        Agent.instrument_all()
        Embedder.instrument_all()
        asyncio.run(_runs(OpenAIProvider(openai_client=_client()), tracer))
        _failures()


if __name__ == "__main__":
    main()
