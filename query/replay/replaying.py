"""Replays decisions one by one and adds up what became of them, in memory that does not grow with them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from query.replay.comparison import VERDICTS, Comparison, compare
from query.replay.condition import ConditionFailure, selection_language
from query.replay.estimate import Routes, estimates_of
from query.replay.evaluation import Evaluator, Failure
from query.replay.report import (
    Basis,
    FailureReport,
    FlipReport,
    PointReport,
    ReplayedDecision,
    ReplayReport,
    RuleReport,
    SelectionReport,
    TieReport,
    Unexplained,
)
from query.replay.rule_set import DecisionPoint, RuleSet
from storage.replay import Observed, RecordedDecision
from tracedata import Decision

_MAX_ROWS = 1_000
_MAX_INPUT_CHARS = 300
_UNEXPLAINED_EXAMPLES = 20
_NS_PER_S = 1_000_000_000
_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Examples:
    """A few of many, chosen by a hash of their ids, so that the order in which they come changes nothing."""

    __slots__ = ("_heap", "count", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0
        self._heap: list[tuple[int, bytes, str, Comparison]] = []

    def add(self, one: Comparison) -> None:
        self.count += 1
        decision = one.decision
        digest = blake2b(decision.trace_id + decision.id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        # The largest comes first in a heap of negative numbers; it makes way for a smaller one.
        entry = (-int.from_bytes(digest, "big"), decision.trace_id, decision.id, one)
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, entry)
        elif self._heap and entry[:3] > self._heap[0][:3]:
            heapq.heapreplace(self._heap, entry)

    def told(self) -> Sequence[ReplayedDecision]:
        chosen = sorted((entry[3] for entry in self._heap), key=lambda one: _order(one.decision))
        return [tell(one) for one in chosen]


class _PointCounts:
    def __init__(self) -> None:
        self.verdicts = Counter[str]()
        self.decided = Counter[str]()
        self.differing = Counter[str]()
        self.failed = Counter[str]()
        self.ties = Counter[tuple[str, ...]]()


class _Key(NamedTuple):
    """A row of the report: the point, and two texts."""

    point: tuple[str, str]
    first: str
    second: str


class Replay:
    """A rule set that is replayed over decisions. What is added in another order gives the same report.

    ``where`` is a condition over ``input``, ``output`` and ``decision``. ``examples`` are so many of each row.

    Raises:
        ConditionError: ``where`` is none.
    """

    def __init__(self, rule_set: RuleSet, *, where: str = "", examples: int = 3) -> None:
        self._rule_set = rule_set
        self._evaluator = Evaluator(rule_set)
        self._language = selection_language()
        self._where = self._language.compile(where) if where else None
        self._examples = examples
        self._read = self._undecidable = self._without_input = self._not_decided = 0
        self._reasons = Counter[str]()
        self._points = {(point.type, point.component): _PointCounts() for point in rule_set.points}
        self._flips: dict[_Key, _Examples] = {}
        self._failures: dict[_Key, _Examples] = {}
        self._flips_left = self._failures_left = 0
        self._routes = Routes()
        # Decisions that are not reproduced: those that name this version, and those that name none.
        self._own, self._unversioned = _Examples(_UNEXPLAINED_EXAMPLES), _Examples(_UNEXPLAINED_EXAMPLES)
        self._versions = Counter[str]()

    def add(self, recorded: RecordedDecision) -> Comparison | None:
        """Replays one decision; None when the condition does not hold, or cannot be evaluated."""
        decision = recorded.decision
        self._read += 1
        if not self._is_wanted(decision):
            return None
        found = compare(decision, self._evaluator.evaluate(decision))
        if decision.input is None:
            self._without_input += 1
        if found.evaluation is None:
            self._not_decided += 1
            return found
        self._count(found, _operation(found, recorded))
        return found

    def add_all(self, page: Iterable[RecordedDecision]) -> Sequence[Comparison]:
        """Replays a page; what became of each decision that was wanted."""
        return [found for one in page if (found := self.add(one)) is not None]

    def report(self, observed: Iterable[Observed], *, start: str = "", end: str = "") -> ReplayReport:
        """What was found so far. ``observed`` is what was observed of models in the same window."""
        verdicts = Counter[str]({"not_decided": self._not_decided})
        for counts in self._points.values():
            verdicts += counts.verdicts
        return ReplayReport(
            name=self._rule_set.name,
            version=self._rule_set.version,
            start=start,
            end=end,
            selection=SelectionReport(
                read=self._read,
                replayed=verdicts.total(),
                undecidable=self._undecidable,
                reasons=dict(sorted(self._reasons.items())),
                without_input=self._without_input,
            ),
            verdicts={name: verdicts[name] for name in VERDICTS},
            points=[self._point_report(point) for point in self._rule_set.points],
            flips=[
                FlipReport(
                    type=key.point[0],
                    component=key.point[1],
                    recorded=key.first,
                    replayed=key.second,
                    count=found.count,
                    examples=found.told(),
                )
                for key, found in _by_count(self._flips)
            ],
            flips_not_listed=self._flips_left,
            failures=[
                FailureReport(
                    type=key.point[0],
                    component=key.point[1],
                    rule=key.first,
                    reason=key.second,
                    count=found.count,
                    examples=found.told(),
                )
                for key, found in _by_count(self._failures)
            ],
            failures_not_listed=self._failures_left,
            ties=self._ties(),
            rules=[one for point in self._rule_set.points for one in self._rule_reports(point)],
            unexplained=self._unexplained(),
            estimates=estimates_of(self._routes, observed),
        )

    def _is_wanted(self, decision: Decision) -> bool:
        if self._where is None:
            return True
        try:
            return self._where.holds(self._language.facts(decision))
        except ConditionFailure as exc:
            self._undecidable += 1
            reason = str(exc)
            if reason in self._reasons or len(self._reasons) < _MAX_ROWS:
                self._reasons[reason] += 1
        return False

    def _count(self, one: Comparison, operation: str) -> None:
        evaluation, decision = one.evaluation, one.decision
        assert evaluation is not None  # noqa: S101 - the caller has looked
        point = (decision.type, decision.component)
        counts = self._points[point]
        counts.verdicts[one.verdict] += 1
        if evaluation.rule is not None:
            counts.decided[evaluation.rule.id] += 1
        if evaluation.tied and evaluation.rule is not None:
            counts.ties[(evaluation.rule.id, *(rule.id for rule in evaluation.tied))] += 1
        for rule in evaluation.shadows:
            counts.decided[rule.id] += 1
            if one.recorded is None or not one.recorded.is_like(rule.then):
                counts.differing[rule.id] += 1
        for failure in (*((evaluation.failure,) if evaluation.failure else ()), *evaluation.shadow_failures):
            self._fail(one, failure, counts)
        if one.verdict == "flip" and one.recorded is not None and one.replayed is not None:
            key = _Key(point, one.recorded.label, one.replayed.label)
            self._flips_left += self._listed(self._flips, key, one)
        if decision.is_enforced is not False:
            self._routes.add(one.recorded, one.replayed, operation=operation, is_flip=one.verdict == "flip")
        self._explain(one)

    def _fail(self, one: Comparison, failure: Failure, counts: _PointCounts) -> None:
        counts.failed[failure.rule.id] += 1
        key = _Key((one.decision.type, one.decision.component), failure.rule.id, failure.reason)
        self._failures_left += self._listed(self._failures, key, one)

    def _listed(self, rows: dict[_Key, _Examples], key: _Key, one: Comparison) -> bool:
        """Whether there is no place left for the row."""
        found = rows.get(key)
        if found is None:
            if len(rows) == _MAX_ROWS:
                return True
            found = rows[key] = _Examples(self._examples)
        found.add(one)
        return False

    def _explain(self, one: Comparison) -> None:
        version = one.decision.rule_version
        if version in self._versions or len(self._versions) < _MAX_ROWS or version == self._rule_set.version:
            self._versions[version] += 1
        if one.verdict == "same":
            return
        if version == self._rule_set.version:
            self._own.add(one)
        elif not version:
            self._unversioned.add(one)

    def _unexplained(self) -> Unexplained:
        basis: Basis = "other"
        if self._versions[self._rule_set.version]:
            basis = "recorded"
        elif not any(self._versions[version] for version in self._versions if version):
            basis = "unknown"
        examples = list(self._own.told())
        count = self._own.count
        if basis != "other":
            examples += self._unversioned.told()
            count += self._unversioned.count
        return Unexplained(basis=basis, count=count, examples=examples[:_UNEXPLAINED_EXAMPLES])

    def _point_report(self, point: DecisionPoint) -> PointReport:
        verdicts = self._points[point.type, point.component].verdicts
        return PointReport(
            type=point.type,
            component=point.component,
            decisions=verdicts.total(),
            verdicts={name: verdicts[name] for name in VERDICTS if name != "not_decided"},
        )

    def _rule_reports(self, point: DecisionPoint) -> Iterable[RuleReport]:
        counts = self._points[point.type, point.component]
        for rule in point.rules:
            yield RuleReport(
                type=point.type,
                component=point.component,
                rule=rule.id,
                enforced=rule.is_enforced,
                decided=counts.decided[rule.id],
                differing=counts.differing[rule.id],
                failed=counts.failed[rule.id],
            )

    def _ties(self) -> Sequence[TieReport]:
        return [
            TieReport(type=point.type, component=point.component, rules=rules, count=count)
            for point in self._rule_set.points
            for rules, count in sorted(self._points[point.type, point.component].ties.items())
        ][:_MAX_ROWS]


def tell(one: Comparison) -> ReplayedDecision:
    """A decision with both outcomes."""
    decision, evaluation = one.decision, one.evaluation
    failure = evaluation.failure if evaluation is not None else None
    rule = evaluation.rule if evaluation is not None else None
    if failure is not None:
        rule = failure.rule
    return ReplayedDecision(
        trace_id=decision.trace_id.hex(),
        decision_id=decision.id,
        time=_iso(decision.time_unix_nano),
        type=decision.type,
        component=decision.component,
        verdict=one.verdict,
        recorded=None if one.recorded is None else one.recorded.label,
        recorded_rule=decision.rule_id or decision.rule_name or None,
        replayed=None if one.replayed is None else one.replayed.label,
        replayed_rule=None if rule is None else rule.id,
        reason=None if failure is None else failure.reason,
        input=_cut(_encode(decision.input).decode()),
    )


def _operation(one: Comparison, recorded: RecordedDecision) -> str:
    """What the model that was chosen was called for; empty when that is not known."""
    return recorded.operations.get(one.recorded.model, "") if one.recorded is not None else ""


def _by_count(rows: dict[_Key, _Examples]) -> Sequence[tuple[_Key, _Examples]]:
    return sorted(rows.items(), key=lambda row: (-row[1].count, row[0]))


def _order(decision: Decision) -> tuple[int, bytes, str]:
    return decision.time_unix_nano, decision.trace_id, decision.id


def _iso(unix_nano: int) -> str:
    seconds, rest = divmod(min(max(unix_nano, 0), 2**64 - 1), _NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_INPUT_CHARS else f"{text[: _MAX_INPUT_CHARS - 1]}…"
