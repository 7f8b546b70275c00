"""What differs between two rule sets, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from query.replay.rule_set import DecisionPoint, Rule, RuleSet

Kind: TypeAlias = Literal["added", "removed", "changed"]


class FieldDifference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A field with another value; None where there was, or is, none."""

    field: str
    before: str | None
    after: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rule that differs; without a rule, the decision point itself."""

    type: str
    component: str
    rule: str | None
    change: Kind
    fields: Sequence[FieldDifference]


def differences(before: RuleSet, after: RuleSet) -> Sequence[Difference]:
    """What has to be done to ``before`` to make ``after`` of it, in the order of the files; nothing for name and version."""
    old = {(point.type, point.component): point for point in before.points}
    new = {(point.type, point.component): point for point in after.points}
    found: list[Difference] = []
    for key in [*new, *(key for key in old if key not in new)]:
        found += _of_points(old.get(key), new.get(key))
    return found


def _of_points(before: DecisionPoint | None, after: DecisionPoint | None) -> Iterator[Difference]:
    point = after or before
    assert point is not None  # noqa: S101 - one of them there is
    fields = _fields(_point_fields(before), _point_fields(after))
    change: Kind = "changed" if before and after else "added" if after else "removed"
    if fields:
        yield _difference(point, None, change, fields)
    old = {rule.id: rule for rule in before.rules} if before else {}
    new = {rule.id: rule for rule in after.rules} if after else {}
    common = [rule_id for rule_id in old if rule_id in new]
    # Rules that were added or removed move the others, which is no difference of theirs.
    places = {rule_id: place for place, rule_id in enumerate(common, 1)}
    moved = {rule_id: place for place, rule_id in enumerate((one for one in new if one in old), 1)}
    for rule_id in [*new, *(one for one in old if one not in new)]:
        fields = _fields(
            _rule_fields(old.get(rule_id), places.get(rule_id)), _rule_fields(new.get(rule_id), moved.get(rule_id))
        )
        if fields:
            change = "changed" if rule_id in places else "added" if rule_id in new else "removed"
            yield _difference(point, rule_id, change, fields)


def _difference(point: DecisionPoint, rule: str | None, change: Kind, fields: Sequence[FieldDifference]) -> Difference:
    return Difference(type=point.type, component=point.component, rule=rule, change=change, fields=fields)


def _point_fields(point: DecisionPoint | None) -> Mapping[str, str]:
    if point is None:
        return {}
    default = {"default": point.default.label} if point.default else {}
    return {"strategy": point.strategy, **default}


def _rule_fields(rule: Rule | None, place: int | None) -> Mapping[str, str]:
    if rule is None:
        return {}
    fields = {
        "name": rule.name,
        "priority": str(rule.priority) if rule.priority else "",
        "when": rule.when,
        "then": f"{rule.action} {rule.then.label}",
        "reason": rule.reason,
        "enforced": "true" if rule.is_enforced else "false",
        "place": "" if place is None else str(place),
    }
    return {name: value for name, value in fields.items() if value}


def _fields(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[FieldDifference]:
    names = [*after, *(name for name in before if name not in after)]
    return [
        FieldDifference(field=name, before=before.get(name), after=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]
