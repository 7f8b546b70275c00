"""One decision of all that tell of it: the one that says most comes first, the others fill what it leaves open."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.decisions.value import encoded
from tracedata import Value
from tracedata.decision import Carrier, Decision

_CARRIERS: tuple[Carrier, ...] = ("span", "span_event", "log_record")
_FILLED = (
    "component",
    "service_name",
    "input",
    "output",
    "reasoning",
    "rule_id",
    "rule_name",
    "rule_version",
    "outcome",
    "is_enforced",
    "candidates",
    "sequence",
    "parent_id",
    "evaluation_ns",
)
_EMPTY = ("", None, ())


def merged(told: Sequence[Decision]) -> Decision:
    """The decision that all of them tell of; they have the same trace and id. Does not depend on their order."""
    if len(told) == 1:
        return told[0]
    ordered = ranked(told)
    first = ordered[0]
    filled = {
        name: next((value for one in ordered if (value := getattr(one, name)) not in _EMPTY), getattr(first, name))
        for name in _FILLED
    }
    typed = next((one for one in ordered if one.type != "other" or one.reported_type), first)
    attributes: dict[str, Value] = {}
    for one in reversed(ordered):
        attributes.update(one.attributes)
    placed = min(ordered, key=lambda one: (not one.span_id, _CARRIERS.index(one.carriers[0])))
    carriers = {carrier for one in ordered for carrier in one.carriers}
    return msgspec.structs.replace(
        first,
        **filled,
        type=typed.type,
        reported_type=typed.reported_type,
        span_id=placed.span_id,
        time_unix_nano=min((one.time_unix_nano for one in ordered if one.time_unix_nano), default=0),
        attributes=dict(sorted(attributes.items())),
        carriers=tuple(carrier for carrier in _CARRIERS if carrier in carriers),
    )


def ranked(told: Sequence[Decision]) -> Sequence[Decision]:
    """Those that say most first."""
    return sorted(told, key=_rank) if len(told) > 1 else told


def _rank(one: Decision) -> tuple[int, int, bytes]:
    """The smaller, the more it says; then by the carrier, then by anything that does not depend on the order."""
    said = sum(getattr(one, name) not in _EMPTY for name in _FILLED) + (one.type != "other")
    return -said, _CARRIERS.index(one.carriers[0]), encoded(one)
