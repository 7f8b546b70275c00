"""The steps that a request takes inside RelayCore, each a call from the gateway to another service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

from opentelemetry.trace import Link, SpanContext, SpanKind, get_current_span

from relayscope.demo.clock import Clock
from relayscope.demo.content import count_tokens
from relayscope.demo.decision import Decision, decide_everywhere, decide_in_span, log_decision, record_decision
from relayscope.demo.exchange import Exchange, call, query_database, query_redis, serve
from relayscope.demo.model import (
    CLAUDE_LARGE,
    CLAUDE_SMALL,
    GPT_SMALL,
    Model,
    Outcome,
    Prompt,
    Reply,
    Usage,
    chat,
    retried,
)
from relayscope.demo.rule import (
    FIRST_BUCKETS,
    SIMILARITY_NEEDED,
    Ruling,
    looked_up,
    routing_rule,
    saved,
    screened,
    tie,
    within_budget,
)
from relayscope.demo.scene import Request, Scene
from relayscope.demo.service import Service, Work

_CHAT_ROUTE = "/v1/chat/completions"
_TOPIC = "relaycore.usage"
# The service that scores prompts does not answer every time.
_MODERATED = 0.9
_BUDGETS_USD = {"free": 5.0, "team": 200.0, "enterprise": 5_000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The router's answer: a model, the decision that led to it, and from what."""

    model: Model
    decision_id: str
    facts: Mapping[str, object]


@contextmanager
def accept(scene: Scene, request: Request, *, clock: Clock, route: str = _CHAT_ROUTE) -> Iterator[Exchange]:
    """The gateway's SERVER span, root of the trace."""
    with serve(scene.fleet.gateway, headers={}, route=route, clock=clock) as exchange:
        exchange.work.note(
            {
                "client.address": request.caller.client_address,
                "user_agent.original": "relaycore-client/1.8",
                "user.id": request.caller.user_id,
                "session.id": request.session_id,
                "request.id": request.request_id,
                "organization.id": request.caller.organization_id,
                "relaycore.plan": request.caller.plan,
            }
        )
        exchange.work.clock.advance(scene.around(0.8))
        yield exchange


def authenticate(scene: Scene, work: Work, *, valid: bool = True) -> bool:
    """Asks the auth service whether the key is known."""
    with call(work, scene.fleet.auth, route="/v1/keys/verify") as exchange:
        server = exchange.work
        query_database(
            server,
            sql="SELECT organization_id, expires_at FROM api_keys WHERE key_hash = $1",
            operation="SELECT",
            collection="api_keys",
            milliseconds=scene.around(2.5),
        )
        server.clock.advance(scene.around(0.7))
        if not valid:
            server.event("exception", {"exception.type": "InvalidKeyError", "exception.message": "the key has expired"})
            exchange.status_code = HTTPStatus.UNAUTHORIZED
    return valid


def evaluate_rules(scene: Scene, work: Work, request: Request, *, allowed: bool = True) -> bool:
    """Asks the rule engine whether the request may pass."""
    with call(work, scene.fleet.rule_engine, route="/v1/rules/evaluate") as exchange:
        with exchange.work.step("load rule set", attributes={"relaycore.rules.count": 42}) as step:
            step.clock.advance(scene.around(0.4))
        facts: dict[str, object] = {
            "topic": request.conversation.topic,
            "plan": request.caller.plan,
            "card_numbers": 0 if allowed else 1,
        }
        is_moderated = scene.chance.random() < _MODERATED
        if is_moderated:
            facts["moderation"] = {"score": round(scene.chance.uniform(0.0, 0.6), 3)}
        decision = Decision(
            kind="rule_evaluation",
            component="pii_guard",
            facts=facts,
            ruling=screened(card_numbers=0 if allowed else 1, is_moderated=is_moderated),
            sequence=1,
            evaluation_ms=scene.around(1.1),
        )
        record_decision(scene, exchange.work, decision)
    return allowed


def look_up_cache(scene: Scene, work: Work, *, hit: bool = False) -> bool:
    """Asks the semantic cache for an answer to a like question."""
    similarity = round(scene.chance.uniform(0.93, 0.99) if hit else scene.chance.uniform(0.2, 0.9), 3)
    ruling, shadow = looked_up(similarity)
    with call(work, scene.fleet.cache, route="/v1/cache/lookup") as exchange:
        query_redis(exchange.work, command="GET", milliseconds=scene.around(0.9))
        decision = Decision(
            kind="cache_decision",
            component="semantic_cache",
            facts={"similarity": similarity, "threshold": SIMILARITY_NEEDED},
            ruling=ruling,
            sequence=2,
            evaluation_ms=scene.around(1.6),
        )
        decided = record_decision(scene, exchange.work, decision)
        if shadow is not None:
            _record_shadow(scene, exchange.work, decision, shadow, parent_id=decided)
        exchange.work.note({"relaycore.cache.hit": hit})
    return hit


def fill_cache(scene: Scene, work: Work) -> None:
    """Keeps the answer for the next like question."""
    with call(work, scene.fleet.cache, route="/v1/cache/entries", method="PUT") as exchange:
        query_redis(exchange.work, command="SET", milliseconds=scene.around(1.2))


def check_budget(scene: Scene, work: Work, request: Request, *, within: bool = True) -> bool:
    """Asks billing whether the organization has budget left."""
    limit = _BUDGETS_USD[request.caller.plan]
    spent = round(limit * (scene.chance.uniform(0.1, 0.9) if within else 1.02), 2)
    with call(work, scene.fleet.billing, route="/v1/budgets/check") as exchange:
        query_database(
            exchange.work,
            sql="SELECT sum(cost_usd) FROM usage WHERE organization_id = $1 AND month = $2",
            operation="SELECT",
            collection="usage",
            milliseconds=scene.around(3.2),
        )
        decision = Decision(
            kind="budget_check",
            component="budget",
            facts={"spent_usd": spent, "limit_usd": limit},
            ruling=within_budget(spent=spent, limit=limit),
            sequence=3,
            evaluation_ms=scene.around(0.3),
        )
        log_decision(scene, exchange.work, decision)
    return within


def choose_model(scene: Scene, work: Work, request: Request, *, candidates: tuple[Model, ...]) -> Choice:
    """Asks the router for a model; the first candidate is what it will say."""
    tier, is_first = _place(candidates[0])
    facts: dict[str, object] = {
        "prompt_tokens": count_tokens(request.conversation.question),
        "plan": request.caller.plan,
        "tier": tier,
        "bucket": scene.chance.randrange(FIRST_BUCKETS) if is_first else scene.chance.randrange(FIRST_BUCKETS, 100),
        "unavailable": [],
    }
    return _route(scene, work, candidates=candidates, facts=facts)


def choose_fallback(scene: Scene, work: Work, failed: Choice, *, candidates: tuple[Model, ...]) -> Choice:
    """Asks the router again, after ``failed`` did not answer."""
    facts = {**failed.facts, "unavailable": [failed.model.provider]}
    return _route(scene, work, candidates=candidates, facts=facts, parent_id=failed.decision_id)


def _place(model: Model) -> tuple[str, bool]:
    """The tier of a model, and whether its provider comes first in it."""
    if model.reasons:
        return "reasoning", True
    return ("small", model is GPT_SMALL) if model in (GPT_SMALL, CLAUDE_SMALL) else ("large", model is CLAUDE_LARGE)


def _route(
    scene: Scene,
    work: Work,
    *,
    candidates: tuple[Model, ...],
    facts: Mapping[str, object],
    parent_id: str | None = None,
) -> Choice:
    model = candidates[0]
    ruling = _routed(model, facts, has_fallen_back=parent_id is not None)
    with call(work, scene.fleet.router, route="/v1/route") as exchange:
        decision = Decision(
            kind="model_selection",
            component="router",
            facts=facts,
            ruling=ruling,
            sequence=4 if parent_id is None else 5,
            evaluation_ms=scene.around(0.9),
            candidates=tuple(candidate.requested for candidate in candidates),
            parent_id=parent_id,
        )
        tell = decide_in_span if parent_id is None else decide_everywhere
        decision_id = tell(scene, exchange.work, decision)
        shadow = saved(plan=str(facts["plan"]), tier=str(facts["tier"]))
        if shadow is not None:
            _record_shadow(scene, exchange.work, decision, shadow, parent_id=decision_id)
    return Choice(model=model, decision_id=decision_id, facts=facts)


def _routed(model: Model, facts: Mapping[str, object], *, has_fallen_back: bool) -> Ruling:
    tier, tokens = str(facts["tier"]), int(str(facts["prompt_tokens"]))
    rule = routing_rule(tier=tier, bucket=int(str(facts["bucket"])), has_fallen_back=has_fallen_back)
    other = tie(rule, tier=tier, prompt_tokens=tokens)
    why = f"{model.provider} answers instead" if has_fallen_back else f"{tokens} prompt tokens, {tier} model"
    return Ruling(
        result={"provider": model.provider, "model": model.requested},
        outcome="selected",
        reasoning=f"{why}; {other} matches with the same priority, the first one counts" if other else why,
        rule=rule,
    )


def _record_shadow(scene: Scene, work: Work, decision: Decision, shadow: Ruling, *, parent_id: str) -> None:
    """Records what a rule that is not enforced would have decided."""
    record_decision(
        scene, work, replace(decision, ruling=shadow, is_enforced=False, parent_id=parent_id, candidates=())
    )


def complete(
    scene: Scene,
    work: Work,
    *,
    model: Model,
    prompt: Prompt,
    request: Request,
    outcomes: tuple[Outcome, ...] = (Outcome.ANSWERED,),
) -> Reply:
    """Has the provider's service call the model, once for every outcome until one succeeds."""
    with call(work, provider_service(scene, model), route="/v1/complete") as exchange:
        provider = exchange.work
        provider.clock.advance(scene.around(0.6))
        reply = chat(scene, provider, model=model, prompt=prompt, request=request, outcome=outcomes[0])
        for outcome in outcomes[1:]:
            if reply.succeeded:
                break
            backoff_ms = scene.chance.uniform(900, 1_500)
            provider.event("relaycore.retry", {"relaycore.retry.delay_ms": round(backoff_ms, 1)})
            provider.clock.advance(backoff_ms)
            prompt = retried(prompt)
            reply = chat(scene, provider, model=model, prompt=prompt, request=request, outcome=outcome)
        exchange.status_code = reply.status_code
    return reply


def provider_service(scene: Scene, model: Model) -> Service:
    """The service that speaks with the model's provider."""
    return scene.fleet.openai if model.provider == "openai" else scene.fleet.anthropic


def publish_usage(scene: Scene, work: Work, request: Request, usage: Usage) -> SpanContext:
    """Sends the usage to billing through a queue, and returns the message's creation context.

    Billing takes the message a little later, beside the gateway's own work.
    """
    message_id = scene.new_uuid()
    attributes = _messaging(operation="publish", operation_type="send", message_id=message_id)
    with work.step(f"publish {_TOPIC}", kind=SpanKind.PRODUCER, attributes=attributes) as producer:
        producer.note(
            {"relaycore.usage.input_tokens": usage.input_tokens, "relaycore.usage.output_tokens": usage.output_tokens}
        )
        producer.clock.advance(scene.around(1.4))
        headers = producer.headers()
        sent = producer.span.get_span_context()
        delivery = producer.clock.fork()
    delivery.advance(scene.around(18))
    _consume(scene, headers, request, message_id=message_id, clock=delivery)
    return sent


def _consume(scene: Scene, headers: dict[str, str], request: Request, *, message_id: str, clock: Clock) -> None:
    billing = scene.fleet.billing
    parent = billing.receive(headers)
    attributes = _messaging(operation="process", operation_type="process", message_id=message_id)
    with billing.open(
        f"process {_TOPIC}",
        clock=clock,
        parent=parent,
        kind=SpanKind.CONSUMER,
        attributes={**attributes, "organization.id": request.caller.organization_id},
        links=(Link(get_current_span(parent).get_span_context()),),
    ) as consumer:
        query_database(
            consumer,
            sql="INSERT INTO usage (organization_id, request_id, input_tokens, output_tokens) VALUES ($1, $2, $3, $4)",
            operation="INSERT",
            collection="usage",
            milliseconds=scene.around(3.8),
        )


def _messaging(*, operation: str, operation_type: str, message_id: str) -> dict[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": _TOPIC,
        "messaging.destination.partition.id": "0",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation_type,
        "messaging.message.id": message_id,
        "server.address": "kafka.example.com",
    }
