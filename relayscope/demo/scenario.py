"""What can happen to a request: one function per story, and how often each is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.util.types import AttributeValue

from relayscope.demo import gateway
from relayscope.demo.agent import AGENT_MODEL, run_agent
from relayscope.demo.clock import Clock
from relayscope.demo.decision import FinalStatus, conclude
from relayscope.demo.exchange import Exchange, call, query_database
from relayscope.demo.model import (
    CLAUDE_LARGE,
    CLAUDE_SMALL,
    GPT_LARGE,
    GPT_REASONING,
    GPT_SMALL,
    Model,
    Outcome,
    Usage,
    embed,
    plain_prompt,
)
from relayscope.demo.scene import Request, Scene, new_request

_SMALL = (GPT_SMALL, CLAUDE_SMALL)
_LARGE = (CLAUDE_LARGE, GPT_LARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a scenario leaves behind for later ones: the context of the usage message that it published, if any."""

    published: SpanContext | None = None


def _settled(
    scene: Scene, exchange: Exchange, request: Request, *, model: Model, status: FinalStatus, usage: Usage
) -> Ending:
    published = gateway.publish_usage(scene, exchange.work, request, usage)
    conclude(exchange.work, status=status, provider=model.provider, model=model.served)
    exchange.work.clock.advance(scene.around(0.5))
    return Ending(published=published)


def _refused(exchange: Exchange, *, status_code: int, status: FinalStatus) -> Ending:
    exchange.status_code = status_code
    conclude(exchange.work, status=status)
    return Ending()


def _chat(scene: Scene, clock: Clock, candidates: tuple[Model, ...], outcomes: tuple[Outcome, ...]) -> Ending:
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock) as exchange:
        work = exchange.work
        _pass_checks(scene, exchange, request)
        choice = gateway.choose_model(scene, work, request, candidates=candidates)
        prompt = plain_prompt(request.conversation)
        if Outcome.CUT_OFF in outcomes:
            prompt = replace(prompt, reply=prompt.reply[: len(prompt.reply) // 2])
        reply = gateway.complete(scene, work, model=choice.model, prompt=prompt, request=request, outcomes=outcomes)
        gateway.fill_cache(scene, work)
        return _settled(scene, exchange, request, model=choice.model, status="success", usage=reply.usage)


def _pass_checks(scene: Scene, exchange: Exchange, request: Request) -> None:
    gateway.authenticate(scene, exchange.work)
    gateway.evaluate_rules(scene, exchange.work, request)
    gateway.look_up_cache(scene, exchange.work)
    gateway.check_budget(scene, exchange.work, request)


def answered_by_small_model(scene: Scene, clock: Clock) -> Ending:
    candidates = _SMALL if scene.chance.random() < 0.6 else _SMALL[::-1]
    return _chat(scene, clock, candidates, (Outcome.ANSWERED,))


def answered_by_large_model(scene: Scene, clock: Clock) -> Ending:
    candidates = _LARGE if scene.chance.random() < 0.6 else _LARGE[::-1]
    return _chat(scene, clock, candidates, (Outcome.ANSWERED,))


def answered_with_reasoning(scene: Scene, clock: Clock) -> Ending:
    return _chat(scene, clock, (GPT_REASONING, CLAUDE_LARGE), (Outcome.ANSWERED,))


def answered_slowly(scene: Scene, clock: Clock) -> Ending:
    return _chat(scene, clock, _LARGE, (Outcome.SLOW,))


def cut_off(scene: Scene, clock: Clock) -> Ending:
    return _chat(scene, clock, _SMALL, (Outcome.CUT_OFF,))


def retried_after_rate_limit(scene: Scene, clock: Clock) -> Ending:
    return _chat(scene, clock, _SMALL, (Outcome.RATE_LIMITED, Outcome.ANSWERED))


def served_from_cache(scene: Scene, clock: Clock) -> Ending:
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock) as exchange:
        gateway.authenticate(scene, exchange.work)
        gateway.evaluate_rules(scene, exchange.work, request)
        gateway.look_up_cache(scene, exchange.work, hit=True)
        conclude(exchange.work, status="served_from_cache")
        return Ending()


def rejected_key(scene: Scene, clock: Clock) -> Ending:
    with gateway.accept(scene, new_request(scene), clock=clock) as exchange:
        gateway.authenticate(scene, exchange.work, valid=False)
        return _refused(exchange, status_code=HTTPStatus.UNAUTHORIZED, status="blocked")


def blocked_by_rule(scene: Scene, clock: Clock) -> Ending:
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock) as exchange:
        gateway.authenticate(scene, exchange.work)
        gateway.evaluate_rules(scene, exchange.work, request, allowed=False)
        return _refused(exchange, status_code=HTTPStatus.FORBIDDEN, status="blocked")


def budget_exceeded(scene: Scene, clock: Clock) -> Ending:
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock) as exchange:
        gateway.authenticate(scene, exchange.work)
        gateway.evaluate_rules(scene, exchange.work, request)
        gateway.look_up_cache(scene, exchange.work)
        gateway.check_budget(scene, exchange.work, request, within=False)
        return _refused(exchange, status_code=HTTPStatus.PAYMENT_REQUIRED, status="budget_exceeded")


def fallen_back(scene: Scene, clock: Clock) -> Ending:
    """The first provider times out, the other one answers."""
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock) as exchange:
        work = exchange.work
        _pass_checks(scene, exchange, request)
        first = gateway.choose_model(scene, work, request, candidates=_SMALL)
        prompt = plain_prompt(request.conversation)
        gateway.complete(scene, work, model=first.model, prompt=prompt, request=request, outcomes=(Outcome.TIMED_OUT,))
        second = gateway.choose_fallback(scene, work, first, candidates=_SMALL[1:])
        reply = gateway.complete(scene, work, model=second.model, prompt=prompt, request=request)
        return _settled(scene, exchange, request, model=second.model, status="fallback_success", usage=reply.usage)


def every_provider_down(scene: Scene, clock: Clock) -> Ending:
    """The first provider is overloaded, the other one limits the rate until the gateway gives up."""
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock) as exchange:
        work = exchange.work
        _pass_checks(scene, exchange, request)
        prompt = plain_prompt(request.conversation)
        first = gateway.choose_model(scene, work, request, candidates=_LARGE)
        gateway.complete(scene, work, model=first.model, prompt=prompt, request=request, outcomes=(Outcome.OVERLOADED,))
        second = gateway.choose_fallback(scene, work, first, candidates=_LARGE[1:])
        limited = (Outcome.RATE_LIMITED,) * 3
        gateway.complete(scene, work, model=second.model, prompt=prompt, request=request, outcomes=limited)
        work.event("exception", {"exception.type": "NoProviderError", "exception.message": "no provider answered"})
        return _refused(exchange, status_code=HTTPStatus.SERVICE_UNAVAILABLE, status="error")


def researched_by_agent(scene: Scene, clock: Clock) -> Ending:
    return _research(scene, clock, tool_fails=False)


def researched_with_failing_tool(scene: Scene, clock: Clock) -> Ending:
    return _research(scene, clock, tool_fails=True)


def _research(scene: Scene, clock: Clock, *, tool_fails: bool) -> Ending:
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock, route="/v1/agents/support") as exchange:
        gateway.authenticate(scene, exchange.work)
        gateway.evaluate_rules(scene, exchange.work, request)
        research = run_agent(scene, exchange.work, request, tool_fails=tool_fails)
        return _settled(scene, exchange, request, model=AGENT_MODEL, status="success", usage=research.usage)


def embedded(scene: Scene, clock: Clock) -> Ending:
    request = new_request(scene)
    with gateway.accept(scene, request, clock=clock, route="/v1/embeddings") as exchange:
        gateway.authenticate(scene, exchange.work)
        with call(exchange.work, scene.fleet.openai, route="/v1/embed") as provider:
            embed(scene, provider.work, text=request.conversation.question)
        return Ending()


def settle_usage(scene: Scene, clock: Clock, published: tuple[SpanContext, ...]) -> Ending:
    """Billing adds up messages of several requests: a trace of its own that is linked to all of them."""
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.destination.name": "relaycore.usage",
        "messaging.operation.name": "settle",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": len(published),
    }
    with scene.fleet.billing.open(
        "settle relaycore.usage",
        clock=clock,
        parent=Context(),
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        links=tuple(Link(context) for context in published),
    ) as work:
        query_database(
            work,
            sql="UPDATE balances SET spent_usd = spent_usd + $2 WHERE organization_id = $1",
            operation="UPDATE",
            collection="balances",
            milliseconds=scene.around(9),
        )
    return Ending()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A story, how often it is told among a hundred, and the most seconds that it takes."""

    play: Callable[[Scene, Clock], Ending]
    weight: int
    longest_s: float

    @property
    def name(self) -> str:
        return self.play.__name__


SCENARIOS = (
    Scenario(play=answered_by_small_model, weight=26, longest_s=12),
    Scenario(play=fallen_back, weight=4, longest_s=32),
    Scenario(play=researched_by_agent, weight=14, longest_s=20),
    Scenario(play=answered_by_large_model, weight=12, longest_s=12),
    Scenario(play=retried_after_rate_limit, weight=5, longest_s=14),
    Scenario(play=served_from_cache, weight=14, longest_s=2),
    Scenario(play=every_provider_down, weight=2, longest_s=10),
    Scenario(play=rejected_key, weight=4, longest_s=2),
    Scenario(play=answered_slowly, weight=3, longest_s=70),
    Scenario(play=blocked_by_rule, weight=3, longest_s=2),
    Scenario(play=answered_with_reasoning, weight=4, longest_s=20),
    Scenario(play=budget_exceeded, weight=2, longest_s=2),
    Scenario(play=researched_with_failing_tool, weight=3, longest_s=20),
    Scenario(play=embedded, weight=2, longest_s=2),
    Scenario(play=cut_off, weight=2, longest_s=12),
)
