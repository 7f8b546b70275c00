"""The steps that a request takes inside RelayCore, each a call from the gateway to another service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from opentelemetry.trace import Link, SpanContext, SpanKind, get_current_span

from relayscope.demo.clock import Clock
from relayscope.demo.content import count_tokens
from relayscope.demo.decision import Decision, Rule, decision_span, record_decision
from relayscope.demo.exchange import Exchange, call, query_database, query_redis, serve
from relayscope.demo.model import Model, Outcome, Prompt, Reply, Usage, chat, retried
from relayscope.demo.scene import Request, Scene
from relayscope.demo.service import Service, Work

_CHAT_ROUTE = "/v1/chat/completions"
_TOPIC = "relaycore.usage"
_PRIVACY_RULE = Rule(rule_id="r-04", name="no-payment-cards-in-prompts")
_SHORT_RULE = Rule(rule_id="r-17", name="short-prompt-small-model")
_PLAN_RULE = Rule(rule_id="r-21", name="enterprise-large-model")
_FALLBACK_RULE = Rule(rule_id="r-30", name="fall-back-when-unavailable")
_SIMILARITY_NEEDED = 0.92
_BUDGETS_USD = {"free": 5.0, "team": 200.0, "enterprise": 5_000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The router's answer: a model, and the decision that led to it."""

    model: Model
    decision_id: str


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
                "relaycore.request.id": request.request_id,
                "relaycore.organization.id": request.caller.organization_id,
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
        decision = Decision(
            kind="rule_evaluation",
            component="pii_guard",
            facts={"topic": request.conversation.topic, "plan": request.caller.plan},
            result={"allow": allowed},
            outcome="allow" if allowed else "deny",
            reasoning="no payment card in the prompt" if allowed else "the prompt looks like it holds a payment card",
            sequence=1,
            evaluation_ms=scene.around(1.1),
            rule=_PRIVACY_RULE,
        )
        record_decision(scene, exchange.work, decision)
    return allowed


def look_up_cache(scene: Scene, work: Work, *, hit: bool = False) -> bool:
    """Asks the semantic cache for an answer to a like question."""
    similarity = scene.chance.uniform(0.93, 0.99) if hit else scene.chance.uniform(0.2, 0.9)
    with call(work, scene.fleet.cache, route="/v1/cache/lookup") as exchange:
        query_redis(exchange.work, command="GET", milliseconds=scene.around(0.9))
        decision = Decision(
            kind="cache_decision",
            component="semantic_cache",
            facts={"similarity": round(similarity, 3), "threshold": _SIMILARITY_NEEDED},
            result={"hit": hit},
            outcome="hit" if hit else "miss",
            reasoning="a like question was answered before" if hit else "nothing similar enough is cached",
            sequence=2,
            evaluation_ms=scene.around(1.6),
        )
        record_decision(scene, exchange.work, decision)
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
            result={"allow": within},
            outcome="within" if within else "exceeded",
            reasoning="below the monthly limit" if within else "the monthly limit is used up",
            sequence=3,
            evaluation_ms=scene.around(0.3),
        )
        record_decision(scene, exchange.work, decision)
    return within


def choose_model(scene: Scene, work: Work, request: Request, *, candidates: tuple[Model, ...]) -> Choice:
    """Asks the router for a model; the first candidate is what it will say."""
    prompt_tokens = count_tokens(request.conversation.question)
    rule = _PLAN_RULE if request.caller.plan == "enterprise" else _SHORT_RULE
    return _route(
        scene,
        work,
        candidates=candidates,
        facts={"prompt_tokens": prompt_tokens, "plan": request.caller.plan},
        reasoning=f"{prompt_tokens} prompt tokens on plan {request.caller.plan}",
        rule=rule,
    )


def choose_fallback(scene: Scene, work: Work, failed: Choice, *, candidates: tuple[Model, ...]) -> Choice:
    """Asks the router again, after ``failed`` did not answer."""
    return _route(
        scene,
        work,
        candidates=candidates,
        facts={"unavailable": failed.model.provider},
        reasoning=f"{failed.model.provider} did not answer",
        rule=_FALLBACK_RULE,
        parent_id=failed.decision_id,
    )


def _route(
    scene: Scene,
    work: Work,
    *,
    candidates: tuple[Model, ...],
    facts: dict[str, object],
    reasoning: str,
    rule: Rule,
    parent_id: str | None = None,
) -> Choice:
    model = candidates[0]
    with call(work, scene.fleet.router, route="/v1/route") as exchange:
        decision = Decision(
            kind="model_selection",
            component="router",
            facts=facts,
            result={"provider": model.provider, "model": model.requested},
            outcome="selected",
            reasoning=reasoning,
            sequence=4 if parent_id is None else 5,
            evaluation_ms=scene.around(0.9),
            rule=rule,
            candidates=tuple(candidate.requested for candidate in candidates),
            parent_id=parent_id,
        )
        with decision_span(scene, exchange.work, decision) as decision_id:
            pass
    return Choice(model=model, decision_id=decision_id)


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
        attributes={**attributes, "relaycore.organization.id": request.caller.organization_id},
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
