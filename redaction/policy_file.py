"""From what an operator writes to a policy that can run, over the default one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from redaction.country import NATIONAL
from redaction.custom import custom_detectors
from redaction.key_verdict import CONTENT
from redaction.policy import EntityRule, Policy, default_policy
from redaction.secret import SECRET_ENTITIES
from tracedata import CallerError


def parse_policy(tree: Mapping[str, Any], *, place: str) -> Policy:
    """The default policy with the changes of ``tree``, whose members are those of ``Policy``.

    An entity is left out by the operator ``keep``. Rules of ``allow`` and ``deny`` are added to the default ones.

    Raises:
        CallerError: something in it cannot be; the message begins with ``place`` and says where, and what is possible.
    """
    try:
        changes = msgspec.convert(dict(tree), Policy)
    except msgspec.ValidationError as exc:
        raise CallerError(f"{place}: {exc}") from exc
    default = default_policy()
    _check_countries(changes.countries, place)
    _check_entities(changes, default, place)
    try:
        custom_detectors(changes.recognizers)
    except ValueError as exc:
        raise CallerError(f"{place}.recognizers.{exc}") from exc
    return msgspec.structs.replace(
        changes,
        entities={**default.entities, **_national(changes.countries), **changes.entities},
        allow=[*default.allow, *changes.allow],
    )


def policy_tree(policy: Policy) -> Mapping[str, Any]:
    """A policy as plain values, for people and for the audit log."""
    tree: Mapping[str, Any] = msgspec.to_builtins(policy)
    return tree


def _national(countries: Sequence[str]) -> Mapping[str, EntityRule]:
    return {entity: EntityRule() for country in countries for entity in NATIONAL[country]}


def _check_countries(countries: Sequence[str], place: str) -> None:
    for country in countries:
        if country not in NATIONAL:
            known = ", ".join(NATIONAL)
            raise CallerError(f"{place}.countries: {country!r} has no recognizers; there are: {known}")


def _check_entities(changes: Policy, default: Policy, place: str) -> None:
    custom = {recognizer.entity for recognizer in changes.recognizers}
    denied = {rule.entity for rule in changes.deny}
    named = set(changes.ner.labels.values()) if changes.ner else set()
    national = {entity for entities in NATIONAL.values() for entity in entities}
    usable = (
        set(default.entities)
        | set(_national(changes.countries))
        | custom
        | denied
        | named
        | SECRET_ENTITIES
        | {CONTENT}
    )
    for entity, rule in changes.entities.items():
        if entity not in usable:
            hint = "; name its country in countries" if entity in national else _suggestion(entity, usable)
            raise CallerError(f"{place}.entities.{entity}: no such entity{hint}")
        if not 0 <= rule.threshold <= 1 or rule.keep_last < 0:
            raise CallerError(f"{place}.entities.{entity}: threshold is from 0 to 1, keep_last at least 0")
    for number, allowed in enumerate(changes.allow):
        for entity in allowed.entities:
            if entity not in usable:
                raise CallerError(f"{place}.allow.{number}: no such entity: {entity}{_suggestion(entity, usable)}")


def _suggestion(name: str, known: Collection[str]) -> str:
    closest = difflib.get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {closest[0]}?" if closest else ""
