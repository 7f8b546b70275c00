"""Estimates what flips between models change, from what was observed of these models, and says how much was observed at all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from query.replay.report import Change, CostChange, Estimated, Estimates, ModelReport, Overlap
from query.replay.rule_set import Choice
from query.replay.statistic import Interval, Share, sum_of_means, sum_of_shares, wilson
from storage.replay import Moments, Observed

# What a decision leads to when no call is in its trace.
DEFAULT_OPERATION = "chat"
_PICO = 10**12
_NS_PER_MS = 1_000_000
_DIGITS = 9
_MAX_NAMED = 100


class Target(NamedTuple):
    """A model that is chosen, for an operation."""

    provider: str
    model: str
    operation: str

    @property
    def label(self) -> str:
        model = f"{self.provider}/{self.model}" if self.provider else self.model
        return f"{model} ({self.operation})"


def target_of(choice: Choice, operation: str) -> Target:
    """What a choice of a model leads to."""
    return Target(choice.provider, choice.model, operation or DEFAULT_OPERATION)


class Performance(NamedTuple):
    """What was observed of a target: all of its calls, whatever their currency."""

    share: Share = Share(0, 0)
    latency_ns: Moments = Moments()
    currency: str = ""
    cost_pico: Moments = Moments()


class Routes:
    """Counts which models were chosen, would be chosen, and for how many decisions one takes the place of another."""

    def __init__(self) -> None:
        self.recorded = Counter[Target]()
        self.replayed = Counter[Target]()
        self.flips = Counter[tuple[Target, Target]]()
        self.other_flips = 0

    def add(self, recorded: Choice | None, replayed: Choice | None, *, operation: str, is_flip: bool) -> None:
        """Counts one decision."""
        was = target_of(recorded, operation) if recorded is not None and recorded.model else None
        would_be = target_of(replayed, operation) if replayed is not None and replayed.model else None
        if was is not None:
            self.recorded[was] += 1
        if would_be is not None:
            self.replayed[would_be] += 1
        if not is_flip:
            return
        if was is None or would_be is None:
            self.other_flips += 1
        else:
            self.flips[was, would_be] += 1


def estimates_of(routes: Routes, observed: Iterable[Observed]) -> Estimates:
    """The estimates of all flips that were counted."""
    targets = sorted(routes.recorded.keys() | routes.replayed.keys())
    known = _performances(targets, observed)
    seen = {target for target, found in known.items() if found.share.total}
    without = sorted(target.label for target in routes.replayed if target not in seen)
    both = [(pair, count) for pair, count in sorted(routes.flips.items()) if seen.issuperset(pair)]
    return Estimates(
        overlap=Overlap(
            routed=routes.replayed.total(),
            observed=sum(count for target, count in routes.replayed.items() if target in seen),
            flips=routes.flips.total(),
            flips_observed=sum(count for _, count in both),
            without_observations=without[:_MAX_NAMED],
            other_flips=routes.other_flips,
        ),
        cost=_costs(both, known),
        latency_ms=_change_of_means(
            both, {target: found.latency_ns for target, found in known.items()}, scale=_NS_PER_MS
        ),
        error_rate=_change_of_shares(both, {target: found.share for target, found in known.items()}),
        models=[_model(target, known[target], routes) for target in targets[: 10 * _MAX_NAMED]],
    )


_Flips = Sequence[tuple[tuple[Target, Target], int]]


def _performances(targets: Sequence[Target], observed: Iterable[Observed]) -> Mapping[Target, Performance]:
    by_name: dict[tuple[str, str], list[tuple[int, Observed]]] = defaultdict(list)
    for one in observed:
        for rank, model in enumerate(dict.fromkeys(name for name in one.models if name)):
            by_name[one.operation, model].append((rank, one))
    return {target: _performance(target, by_name[target.operation, target.model]) for target in targets}


def _performance(target: Target, found: Sequence[tuple[int, Observed]]) -> Performance:
    """Calls for which the name was asked for count; when there are none, those for which it answered."""
    mine = [(rank, one) for rank, one in found if not target.provider or one.provider == target.provider]
    best = min((rank for rank, _ in mine), default=0)
    chosen = [one for rank, one in mine if rank == best]
    costs: dict[str, Moments] = defaultdict(Moments)
    latency = Moments()
    for one in chosen:
        latency += one.latency_ns
        if one.cost_pico.count:
            costs[one.currency] += one.cost_pico
    # The currency of most calls; of several, the first by name.
    currency = min(costs, key=lambda name: (-costs[name].count, name), default="")
    share = Share(sum(one.errors for one in chosen), sum(one.calls for one in chosen))
    return Performance(share, latency, currency, costs[currency] if currency else Moments())


def _weights(flips: _Flips) -> Mapping[Target, int]:
    """How many decisions more each model gets."""
    weights = Counter[Target]()
    for (was, would_be), count in flips:
        weights[would_be] += count
        weights[was] -= count
    return {target: weights[target] for target in sorted(weights) if weights[target]}


def _costs(flips: _Flips, known: Mapping[Target, Performance]) -> Sequence[CostChange]:
    changes: list[CostChange] = []
    for currency in sorted({known[target].currency for pair, _ in flips for target in pair} - {""}):
        moments = {target: one.cost_pico for target, one in known.items() if one.currency == currency}
        change = _change_of_means(flips, moments, scale=_PICO)
        if change is not None:
            changes.append(
                CostChange(currency=currency, flips=change.flips, per_decision=change.per_decision, total=change.total)
            )
    return changes


def _change_of_means(flips: _Flips, moments: Mapping[Target, Moments], *, scale: int) -> Change | None:
    usable = [one for one in flips if all(target in moments and moments[target].count > 1 for target in one[0])]
    weights = _weights(usable)
    return _change(usable, sum_of_means((weights[target], moments[target]) for target in weights), scale)


def _change_of_shares(flips: _Flips, shares: Mapping[Target, Share]) -> Change | None:
    weights = _weights(flips)
    return _change(flips, sum_of_shares((weights[target], shares[target]) for target in weights), 1)


def _change(flips: _Flips, total: Interval, scale: int) -> Change | None:
    count = sum(number for _, number in flips)
    if not count:
        return None
    return Change(flips=count, per_decision=_told(total, scale * count), total=_told(total, scale))


def _model(target: Target, found: Performance, routes: Routes) -> ModelReport:
    return ModelReport(
        provider=target.provider,
        model=target.model,
        operation=target.operation,
        recorded=routes.recorded[target],
        replayed=routes.replayed[target],
        calls=found.share.total,
        error_rate=_told(wilson(found.share), 1) if found.share.total else None,
        latency_ms=_mean(found.latency_ns, _NS_PER_MS),
        cost=_mean(found.cost_pico, _PICO),
        currency=found.currency,
    )


def _mean(moments: Moments, scale: int) -> Estimated | None:
    return _told(sum_of_means([(1, moments)]), scale) if moments.count > 1 else None


def _told(interval: Interval, scale: int) -> Estimated:
    """Rounded to what is the same on every machine."""
    estimate, low, high = (float(f"{value / scale:.{_DIGITS}g}") for value in interval)
    return Estimated(estimate=estimate, low=low, high=high)
