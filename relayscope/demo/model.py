"""The model APIs behind the provider services, and calls to them as spans of the ``gen_ai.*`` convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus

import msgspec
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from relayscope.demo.content import Conversation, count_tokens
from relayscope.demo.exchange import answer
from relayscope.demo.scene import Request, Scene
from relayscope.demo.service import Work

_HTTPS_PORT = 443
_CLIENT_TIMEOUT_MS = 20_000.0
# What a model spends on formatting a conversation, in tokens.
_OVERHEAD_TOKENS = 11
# A cached prefix is read in blocks of this many tokens.
_CACHE_BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of a provider; speeds are of its usual day."""

    provider: str
    requested: str
    served: str
    first_token_ms: float
    tokens_per_second: float
    reasons: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a provider's API lives, and how its client library names what goes wrong."""

    host: str
    path: str
    response_prefix: str
    errors: str


GPT_SMALL = Model(
    provider="openai",
    requested="gpt-4o-mini",
    served="gpt-4o-mini-2024-07-18",
    first_token_ms=320,
    tokens_per_second=95,
)
GPT_LARGE = Model(
    provider="openai", requested="gpt-4.1", served="gpt-4.1-2025-04-14", first_token_ms=520, tokens_per_second=70
)
GPT_REASONING = Model(
    provider="openai",
    requested="o4-mini",
    served="o4-mini-2025-04-16",
    first_token_ms=2_400,
    tokens_per_second=110,
    reasons=True,
)
CLAUDE_SMALL = Model(
    provider="anthropic",
    requested="claude-haiku-4-5",
    served="claude-haiku-4-5-20251001",
    first_token_ms=380,
    tokens_per_second=120,
)
CLAUDE_LARGE = Model(
    provider="anthropic",
    requested="claude-sonnet-4-5",
    served="claude-sonnet-4-5-20250929",
    first_token_ms=760,
    tokens_per_second=62,
)
EMBEDDING = Model(
    provider="openai",
    requested="text-embedding-3-small",
    served="text-embedding-3-small",
    first_token_ms=60,
    tokens_per_second=20_000,
)

_ENDPOINTS = {
    "openai": Endpoint(
        host="api.openai.com", path="/v1/chat/completions", response_prefix="chatcmpl-", errors="openai"
    ),
    "anthropic": Endpoint(host="api.anthropic.com", path="/v1/messages", response_prefix="msg_", errors="anthropic"),
}
_EMBEDDINGS_PATH = "/v1/embeddings"


class Outcome(Enum):
    """How a call to a model API ends."""

    ANSWERED = "answered"
    SLOW = "slow"
    CUT_OFF = "cut off"
    RATE_LIMITED = "rate limited"
    TIMED_OUT = "timed out"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What the client library raises; ``status_code`` is None when no response came."""

    status_code: int | None
    exception: str
    message: str
    after_ms: float


_FAILURES = {
    Outcome.RATE_LIMITED: Failure(
        status_code=HTTPStatus.TOO_MANY_REQUESTS,
        exception="RateLimitError",
        message="Rate limit reached for requests per minute; try again in 1 s",
        after_ms=90,
    ),
    Outcome.TIMED_OUT: Failure(
        status_code=None, exception="APITimeoutError", message="Request timed out", after_ms=_CLIENT_TIMEOUT_MS
    ),
    Outcome.OVERLOADED: Failure(
        status_code=HTTPStatus.SERVICE_UNAVAILABLE,
        exception="InternalServerError",
        message="The model is overloaded",
        after_ms=240,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to have a tool called."""

    call_id: str
    name: str
    arguments: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What goes to a model: messages in the convention's form, and what it will say."""

    instructions: str
    messages: Sequence[dict[str, object]]
    reply: str
    tool_calls: Sequence[ToolCall] = ()
    tools: Sequence[dict[str, object]] = ()
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the convention counts them: input includes the cached, output the reasoning ones."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How a call went, as the provider service sees it; ``status_code`` is what it will answer with."""

    status_code: int
    usage: Usage = Usage()

    @property
    def succeeded(self) -> bool:
        return self.status_code == HTTPStatus.OK


def text_message(role: str, text: str) -> dict[str, object]:
    """A message of one text part."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def tool_request_message(calls: Sequence[ToolCall]) -> dict[str, object]:
    """The assistant's message that asks for tools."""
    parts = [
        {"type": "tool_call", "id": call.call_id, "name": call.name, "arguments": call.arguments} for call in calls
    ]
    return {"role": "assistant", "parts": parts}


def tool_result_message(call: ToolCall, result: object) -> dict[str, object]:
    """The message that carries what a tool returned."""
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call.call_id, "response": result}]}


def plain_prompt(conversation: Conversation) -> Prompt:
    """A prompt of one question."""
    return Prompt(
        instructions=conversation.instructions,
        messages=(text_message("user", conversation.question),),
        reply=conversation.answer,
    )


def retried(prompt: Prompt) -> Prompt:
    """The same prompt, one attempt later."""
    return replace(prompt, attempt=prompt.attempt + 1)


def chat(
    scene: Scene, work: Work, *, model: Model, prompt: Prompt, request: Request, outcome: Outcome = Outcome.ANSWERED
) -> Reply:
    """A ``chat`` span with its HTTP call, child of ``work``."""
    attributes = _request_attributes(model, prompt, request)
    with work.step(f"chat {model.requested}", kind=SpanKind.CLIENT, attributes=attributes) as span:
        failure = _FAILURES.get(outcome)
        if failure is not None:
            return _fail(span, model=model, failure=failure, attempt=prompt.attempt)
        usage = _usage(scene, model=model, prompt=prompt)
        slowdown = scene.chance.uniform(6, 9) if outcome is Outcome.SLOW else 1.0
        first_ms = scene.around(model.first_token_ms) * slowdown
        total_ms = first_ms + usage.output_tokens / model.tokens_per_second * 1_000 * slowdown
        _post(span, model=model, status_code=HTTPStatus.OK, milliseconds=total_ms, attempt=prompt.attempt)
        span.note(_response_attributes(scene, model=model, prompt=prompt, usage=usage, outcome=outcome))
        if request.stream:
            span.note({"gen_ai.response.time_to_first_chunk": round(first_ms / 1_000, 4)})
    return Reply(status_code=HTTPStatus.OK, usage=usage)


def embed(scene: Scene, work: Work, *, text: str) -> Reply:
    """An ``embeddings`` span with its HTTP call, child of ``work``."""
    model = EMBEDDING
    tokens = count_tokens(text)
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": model.requested,
        "gen_ai.request.encoding_formats": ("base64",),
        "gen_ai.embeddings.dimension.count": 1536,
        "server.address": _ENDPOINTS[model.provider].host,
        "server.port": _HTTPS_PORT,
    }
    with work.step(f"embeddings {model.requested}", kind=SpanKind.CLIENT, attributes=attributes) as span:
        _post(
            span,
            model=model,
            status_code=HTTPStatus.OK,
            milliseconds=scene.around(model.first_token_ms),
            path=_EMBEDDINGS_PATH,
        )
        span.note({"gen_ai.response.model": model.served, "gen_ai.usage.input_tokens": tokens})
    return Reply(status_code=HTTPStatus.OK, usage=Usage(input_tokens=tokens))


def _request_attributes(model: Model, prompt: Prompt, request: Request) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": model.requested,
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.conversation.id": request.session_id,
        "gen_ai.output.type": "text",
        "gen_ai.system_instructions": _json([{"type": "text", "content": prompt.instructions}]),
        "gen_ai.input.messages": _json(prompt.messages),
        "server.address": _ENDPOINTS[model.provider].host,
        "server.port": _HTTPS_PORT,
        "user.id": request.caller.user_id,
    }
    if not model.reasons:
        attributes["gen_ai.request.temperature"] = request.temperature
        attributes["gen_ai.request.top_p"] = 1.0
    if request.stream:
        attributes["gen_ai.request.stream"] = True
    if prompt.tools:
        attributes["gen_ai.tool.definitions"] = _json(prompt.tools)
    return attributes


def _usage(scene: Scene, *, model: Model, prompt: Prompt) -> Usage:
    prefix = prompt.instructions + _json(prompt.tools)
    input_tokens = count_tokens(prefix) + count_tokens(_json(prompt.messages)) + _OVERHEAD_TOKENS
    cached = count_tokens(prefix) // _CACHE_BLOCK_TOKENS * _CACHE_BLOCK_TOKENS if scene.chance.random() < 0.5 else 0
    reasoning = scene.chance.randrange(2, 9) * 64 if model.reasons else 0
    visible = count_tokens(prompt.reply) + sum(count_tokens(_json(call.arguments)) for call in prompt.tool_calls)
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=cached,
        output_tokens=visible + reasoning,
        reasoning_tokens=reasoning,
    )


def _response_attributes(
    scene: Scene, *, model: Model, prompt: Prompt, usage: Usage, outcome: Outcome
) -> dict[str, AttributeValue]:
    message = tool_request_message(prompt.tool_calls) if prompt.tool_calls else text_message("assistant", prompt.reply)
    attributes: dict[str, AttributeValue] = {
        "gen_ai.response.model": model.served,
        "gen_ai.response.id": scene.new_id(_ENDPOINTS[model.provider].response_prefix),
        "gen_ai.response.finish_reasons": (_finish_reason(model, prompt, outcome),),
        "gen_ai.output.messages": _json([message]),
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    if usage.cached_tokens:
        attributes["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
    if model.reasons:
        attributes["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning_tokens
    return attributes


def _finish_reason(model: Model, prompt: Prompt, outcome: Outcome) -> str:
    openai = model.provider == "openai"
    if outcome is Outcome.CUT_OFF:
        return "length" if openai else "max_tokens"
    if prompt.tool_calls:
        return "tool_calls" if openai else "tool_use"
    return "stop" if openai else "end_turn"


def _fail(span: Work, *, model: Model, failure: Failure, attempt: int) -> Reply:
    _post(span, model=model, status_code=failure.status_code, milliseconds=failure.after_ms, attempt=attempt)
    span.throw(f"{_ENDPOINTS[model.provider].errors}.{failure.exception}", failure.message)
    return Reply(status_code=failure.status_code or HTTPStatus.GATEWAY_TIMEOUT)


def _post(
    span: Work,
    *,
    model: Model,
    status_code: int | None,
    milliseconds: float,
    attempt: int = 0,
    path: str | None = None,
) -> None:
    endpoint = _ENDPOINTS[model.provider]
    attributes: dict[str, AttributeValue] = {
        "http.request.method": "POST",
        "url.full": f"https://{endpoint.host}{path or endpoint.path}",
        "server.address": endpoint.host,
        "server.port": _HTTPS_PORT,
        "network.protocol.version": "2",
    }
    if attempt:
        attributes["http.request.resend_count"] = attempt
    with span.step("POST", kind=SpanKind.CLIENT, attributes=attributes) as post:
        post.clock.advance(milliseconds)
        if status_code is None:
            post.fail("timeout", "no response in time")
        else:
            answer(post, status_code, failed_from=HTTPStatus.BAD_REQUEST)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
