"""The retrieval agent: a loop of model calls and tools over the simulated knowledge base."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import msgspec
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from relayscope.demo.clock import Clock
from relayscope.demo.content import DOCUMENTS, Document
from relayscope.demo.decision import Decision, log_decision
from relayscope.demo.exchange import call, query_database
from relayscope.demo.gateway import complete
from relayscope.demo.model import (
    GPT_LARGE,
    Model,
    Prompt,
    Reply,
    ToolCall,
    Usage,
    embed,
    text_message,
    tool_request_message,
    tool_result_message,
)
from relayscope.demo.rule import permitted
from relayscope.demo.scene import Request, Scene
from relayscope.demo.service import Work

AGENT_MODEL: Model = GPT_LARGE
_AGENT = "support-researcher"
_TOP_K = 3
_INSTRUCTIONS = "Answer from the knowledge base only. Look up orders and documents with your tools before answering."
_TOOLS: tuple[dict[str, object], ...] = (
    {
        "type": "function",
        "name": "search_documents",
        "description": "Finds passages of the knowledge base",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
    {
        "type": "function",
        "name": "look_up_order",
        "description": "Returns the state of an order",
        "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Research:
    """What the agent ended with, over all of its model calls."""

    succeeded: bool
    usage: Usage


def run_agent(scene: Scene, work: Work, request: Request, *, tool_fails: bool = False) -> Research:
    """Has the retrieval agent answer: it asks the model, runs both tools side by side, and asks again."""
    with call(work, scene.fleet.retrieval_agent, route="/v1/agents/support/run") as exchange:
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": _AGENT,
            "gen_ai.conversation.id": request.session_id,
            "gen_ai.request.model": AGENT_MODEL.requested,
        }
        with exchange.work.step(f"invoke_agent {_AGENT}", attributes=attributes) as agent:
            return _loop(scene, agent, request, tool_fails=tool_fails)


def _loop(scene: Scene, agent: Work, request: Request, *, tool_fails: bool) -> Research:
    question = text_message("user", request.conversation.question)
    search, look_up = calls = _plan(scene, request)
    wish = Prompt(instructions=_INSTRUCTIONS, messages=(question,), reply="", tool_calls=calls, tools=_TOOLS)
    first = _ask(scene, agent, request, wish)
    for number, tool_call in enumerate(calls, start=6):
        _permit(scene, agent, tool_call, sequence=number)
    search_clock, order_clock = agent.clock.fork(), agent.clock.fork()
    passages = _search_documents(scene, agent, search, clock=search_clock)
    state = _look_up_order(scene, agent, look_up, clock=order_clock, fails=tool_fails)
    agent.clock.wait_for(search_clock, order_clock)
    messages = (
        question,
        tool_request_message(calls),
        tool_result_message(search, passages),
        tool_result_message(look_up, state),
    )
    final = Prompt(instructions=_INSTRUCTIONS, messages=messages, reply=request.conversation.answer, tools=_TOOLS)
    second = _ask(scene, agent, request, final)
    return Research(succeeded=second.succeeded, usage=_total(first, second))


def _plan(scene: Scene, request: Request) -> tuple[ToolCall, ToolCall]:
    query = request.conversation.question[:80]
    order = f"A-{scene.chance.randrange(10_000, 99_999)}"
    return (
        ToolCall(call_id=scene.new_id("call_"), name="search_documents", arguments={"query": query}),
        ToolCall(call_id=scene.new_id("call_"), name="look_up_order", arguments={"order": order}),
    )


def _permit(scene: Scene, agent: Work, tool_call: ToolCall, *, sequence: int) -> None:
    """Asks whether the agent may call the tool."""
    decision = Decision(
        kind="other",
        component="tool_permission",
        facts={"tool": tool_call.name, "agent": _AGENT},
        ruling=permitted(tool_call.name),
        sequence=sequence,
        evaluation_ms=scene.around(0.2),
    )
    log_decision(scene, agent, decision)


def _ask(scene: Scene, agent: Work, request: Request, prompt: Prompt) -> Reply:
    agent.clock.advance(scene.around(1.5))
    return complete(scene, agent, model=AGENT_MODEL, prompt=prompt, request=request)


def _total(*replies: Reply) -> Usage:
    return Usage(
        input_tokens=sum(reply.usage.input_tokens for reply in replies),
        output_tokens=sum(reply.usage.output_tokens for reply in replies),
    )


def _search_documents(scene: Scene, agent: Work, tool_call: ToolCall, *, clock: Clock) -> list[dict[str, object]]:
    with _tool(agent, tool_call, clock=clock) as tool:
        query = tool_call.arguments["query"]
        with call(tool, scene.fleet.openai, route="/v1/embed") as exchange:
            embed(scene, exchange.work, text=query)
        documents = _retrieve(scene, tool, query)
        result: list[dict[str, object]] = [{"id": found.document_id, "text": found.text} for found in documents]
        tool.note({"gen_ai.tool.call.result": _json(result)})
    return result


def _retrieve(scene: Scene, tool: Work, query: str) -> list[Document]:
    documents = scene.chance.sample(DOCUMENTS, _TOP_K)
    scores = sorted((round(scene.chance.uniform(0.6, 0.95), 3) for _ in documents), reverse=True)
    ranked = [{"id": found.document_id, "score": score} for found, score in zip(documents, scores, strict=True)]
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "support-articles",
        "gen_ai.retrieval.query.text": query,
        "gen_ai.retrieval.top_k": _TOP_K,
        "gen_ai.retrieval.documents": _json(ranked),
    }
    with (
        tool.step("retrieval support-articles", kind=SpanKind.CLIENT, attributes=attributes) as retrieval,
        call(retrieval, scene.fleet.vector_store, route="/v1/collections/search") as exchange,
    ):
        query_database(
            exchange.work,
            sql="SELECT id, text FROM articles ORDER BY embedding <=> $1 LIMIT $2",
            operation="SELECT",
            collection="articles",
            milliseconds=scene.around(14),
        )
    return documents


def _look_up_order(scene: Scene, agent: Work, tool_call: ToolCall, *, clock: Clock, fails: bool) -> dict[str, object]:
    with _tool(agent, tool_call, clock=clock) as tool:
        tool.clock.advance(scene.around(45))
        if fails:
            tool.throw("OrderServiceError", "the order service does not answer")
            return {"error": "the order service does not answer"}
        result: dict[str, object] = {"order": tool_call.arguments["order"], "state": "shipped"}
        tool.note({"gen_ai.tool.call.result": _json(result)})
    return result


def _tool(agent: Work, tool_call: ToolCall, *, clock: Clock) -> AbstractContextManager[Work]:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool_call.name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": tool_call.call_id,
        "gen_ai.tool.call.arguments": _json(tool_call.arguments),
    }
    return agent.step(f"execute_tool {tool_call.name}", attributes=attributes, clock=clock)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
