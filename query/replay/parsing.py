"""Reads a rule set from YAML or JSON; everything that is wrong is told at once, each with its place. The format: docs/replay.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast, get_args

from query.replay.condition import MAX_CHARS, ConditionError, rule_language
from query.replay.document import Document, Node, RuleSetError, place_of, read_document
from query.replay.rule_set import ACTIONS, SELECTED, ActionKind, Choice, DecisionPoint, Rule, RuleSet, Strategy
from tracedata.decision import DecisionType

# A name is a part of a path of the API, and `NAME@VERSION` of a command line.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
_TYPES = get_args(DecisionType)
_STRATEGIES = get_args(Strategy)
_MAX_TEXT = 1_000
_MAX_RULES = 5_000
_ROOT = ("name", "version", "decisions")
_POINT = ("type", "component", "strategy", "rules", "default")
_RULE = ("id", "name", "priority", "when", "then", "enforced")


def parse_rule_set(text: str, *, source: str = "rule set") -> RuleSet:
    """The rule set that ``text`` describes; ``source`` is what messages call it, such as the name of its file.

    Raises:
        RuleSetError: something is wrong with it.
    """
    document, root = read_document(text, source=source)
    fields = document.fields(root, what="the rule set", known=_ROOT, needed=_ROOT)
    name = _word(document, fields.get("name"), what="name", form=NAME)
    version = _word(document, fields.get("version"), what="version", form=VERSION)
    nodes = document.items(fields.get("decisions"), what="decisions")
    if "decisions" in fields and not nodes and not document.problems:
        document.add(fields["decisions"], "decisions must not be empty")
    points = [_point(document, node) for node in nodes]
    _check_once(document, nodes, [(point.type, point.component) for point in points])
    # Reports have a row for each kind of decision, also for one without rules.
    if sum(max(len(point.rules), 1) for point in points) > _MAX_RULES:
        document.add(root, f"a rule set has at most {_MAX_RULES:,} rules and kinds of decisions without rules")
    if document.problems:
        raise RuleSetError(source, document.problems)
    return RuleSet(name=name, version=version, points=tuple(points))


def _word(document: Document, node: Node | None, *, what: str, form: re.Pattern[str]) -> str:
    found = document.text(node, what=what)
    if node is not None and found and not form.fullmatch(found):
        document.add(node, f"{what} must begin with a letter or digit, and have only letters, digits and . _ - in it")
    return found


def _check_once(document: Document, nodes: Sequence[Node], keys: Sequence[tuple[str, str]]) -> None:
    seen: set[tuple[str, str]] = set()
    for node, key in zip(nodes, keys, strict=True):
        if all(key) and key in seen:
            document.add(node, f"the decisions of type {key[0]} and component {key[1]} stand twice")
        seen.add(key)


def _point(document: Document, node: Node) -> DecisionPoint:
    fields = document.fields(node, what="decisions", known=_POINT, needed=("type", "component", "rules"))
    # Empty after a problem, which ends all before it is used.
    type_ = cast("DecisionType", document.choice(fields.get("type"), what="type", among=_TYPES))
    component = document.text(fields.get("component"), what="component")
    strategy = document.choice(fields.get("strategy"), what="strategy", among=_STRATEGIES) or "first_match"
    rules = [
        _rule(document, one, type_=type_, strategy=strategy)
        for one in document.items(fields.get("rules"), what="rules")
    ]
    _check_ids(document, fields.get("rules"), rules)
    default = None
    if "default" in fields:
        default = _action(document, fields["default"], what="default", type_=type_)[1]
    return DecisionPoint(
        type=type_, component=component, strategy=cast("Strategy", strategy), rules=tuple(rules), default=default
    )


def _check_ids(document: Document, node: Node | None, rules: Sequence[Rule]) -> None:
    seen: set[str] = set()
    for one, rule in zip(document.items(node, what="rules") if rules else (), rules, strict=True):
        if rule.id and rule.id in seen:
            document.rule = rule.id
            document.add(one, "another rule of these decisions has the same id")
            document.rule = ""
        seen.add(rule.id)


def _rule(document: Document, node: Node, *, type_: str, strategy: str) -> Rule:
    document.rule = document.peek(node, "id")
    fields = document.fields(node, what="a rule", known=_RULE, needed=("id", "when", "then"))
    document.text(fields.get("id"), what="id")
    if "priority" in fields and strategy != "priority":
        document.add(fields["priority"], "priority means something with strategy: priority only")
    action, then, reason = "", Choice(outcome=""), ""
    if "then" in fields:
        action, then, reason = _action(document, fields["then"], what="then", type_=type_)
    rule = Rule(
        id=document.rule,
        name=document.text(fields.get("name"), what="name"),
        when=_condition(document, fields.get("when")),
        action=cast("ActionKind", action),
        then=then,
        reason=reason,
        priority=document.integer(fields.get("priority"), what="priority", default=0),
        is_enforced=document.boolean(fields.get("enforced"), what="enforced", default=True),
    )
    document.rule = ""
    return rule


def _condition(document: Document, node: Node | None) -> str:
    if node is not None and getattr(node, "tag", "").endswith(":bool"):
        # ``when: true`` is CEL, and a boolean of YAML as well.
        return "true" if document.boolean(node, what="when", default=False) else "false"
    text = document.text(node, what="when", most=MAX_CHARS)
    if node is None or not text:
        return ""
    try:
        rule_language().compile(text)
    except ConditionError as exc:
        place = document.within(node, line=exc.line, column=exc.column)
        document.add(place or place_of(node), f"when, {exc}")
    return text


def _action(document: Document, node: Node, *, what: str, type_: str) -> tuple[str, Choice, str]:
    """The kind of the action, what it decides, and why."""
    none = ("", Choice(outcome=""), "")
    # Of a type that is none, all that could be meant is possible.
    possible = next((kinds for known, kinds in ACTIONS.items() if known == type_), ACTIONS["other"])
    fields = document.fields(node, what=what, known=ACTIONS["other"])
    if len(fields) != 1:
        if fields or not document.problems:
            document.add(node, f"{what} must have exactly one of {', '.join(possible)}")
        return none
    ((kind, value),) = fields.items()
    if kind not in possible:
        document.add(node, f"{what}: {kind} is no action for decisions of type {type_}, but {' or '.join(possible)}")
        return none
    if kind == "route":
        return kind, _route(document, value), ""
    if kind == "cache":
        use = document.fields(value, what="cache", known=("use",), needed=("use",)).get("use")
        return kind, Choice(outcome="hit" if document.boolean(use, what="use", default=False) else "miss"), ""
    if kind == "budget":
        allow = document.fields(value, what="budget", known=("allow",), needed=("allow",)).get("allow")
        within = document.boolean(allow, what="allow", default=False)
        return kind, Choice(outcome="within" if within else "exceeded"), ""
    reason = document.fields(value, what=kind, known=("reason",)).get("reason")
    return kind, Choice(outcome=kind), document.text(reason, what="reason", most=_MAX_TEXT)


def _route(document: Document, node: Node) -> Choice:
    fields = document.fields(node, what="route", known=("provider", "model"), needed=("provider", "model"))
    return Choice(
        outcome=SELECTED,
        provider=document.text(fields.get("provider"), what="provider"),
        model=document.text(fields.get("model"), what="model"),
    )
