"""Reports of replays, rule sets and their differences as tables."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from query.replay.report import Change, CostChange, Estimated, Estimates, ReplayedDecision, ReplayReport
from relayscope.api.rest import replay_schema as schema
from relayscope.cli.render.table import name_cell, note, table
from relayscope.cli.render.text import ERROR, clean, moment

_SHOWN = 20
_WORDS = {
    "same": "the same choice",
    "other_rule": "the same choice by another rule",
    "flip": "flips",
    "failed": "failed: a rule could not be evaluated",
    "undecided": "undecided: no rule matches",
    "not_decided": "not decided by this rule set",
    "unreadable": "recorded choice unreadable",
}


def render_report(report: ReplayReport) -> RenderableType:
    """What was replayed, what became of it, what flips, what failed, and what that would change."""
    return Group(
        *_gaps([_summary(report), _flips(report), _failures(report), _more(report), _estimates(report.estimates)])
    )


def render_rule_sets(answer: schema.RuleSetList) -> RenderableType:
    if not answer.items:
        return note("No rule set is kept. `relayscope rules import FILE` keeps one.")
    made = table(left=("NAME", "VERSION", "IMPORTED (UTC)", "BY"))
    for one in answer.items:
        made.add_row(
            name_cell(one.name), name_cell(one.version), str(moment(one.imported_at))[:19], name_cell(one.imported_by)
        )
    return made


def render_difference(answer: schema.RuleSetDifference) -> RenderableType:
    if not answer.items:
        return note(f"{clean(answer.name)}: {clean(answer.before)} and {clean(answer.after)} have the same rules.")
    lines: list[Text] = []
    for one in answer.items:
        what = f"rule {one.rule}" if one.rule is not None else "decisions"
        lines.append(Text(clean(f"{one.type} {one.component}: {what} {one.change}")))
        for field in one.fields:
            if field.before is not None:
                lines.append(Text(clean(f"  - {field.field}: {field.before}"), style="red"))
            if field.after is not None:
                lines.append(Text(clean(f"  + {field.field}: {field.after}"), style="green"))
    return Group(*lines)


def _gaps(parts: Iterable[Sequence[RenderableType]]) -> Sequence[RenderableType]:
    found: list[RenderableType] = []
    for part in parts:
        if part:
            found += [Text(), *part] if found else part
    return found


def _summary(report: ReplayReport) -> Sequence[RenderableType]:
    selection = report.selection
    said = f"{clean(report.name)}@{clean(report.version)} over {selection.replayed:,} decisions, {report.start} to {report.end}"
    made = table(left=("VERDICT",), right=("DECISIONS", "SHARE"))
    for verdict, count in report.verdicts.items():
        if count or verdict in ("same", "flip"):
            made.add_row(_WORDS[verdict], f"{count:,}", _percent(count, selection.replayed))
    lines: list[RenderableType] = [Text(said), Text(), made]
    if selection.undecidable:
        lines.append(
            note(f"{selection.undecidable:,} more were left out: the condition cannot be evaluated over them.")
        )
        lines += [note(f"  {count:,}: {clean(reason)}") for reason, count in list(selection.reasons.items())[:_SHOWN]]
    if selection.without_input:
        lines.append(note(f"{selection.without_input:,} have no recorded input."))
    return lines


def _flips(report: ReplayReport) -> Sequence[RenderableType]:
    if not report.flips:
        return []
    made = table(left=("FLIPS OF", "FROM", "TO"), right=("DECISIONS",))
    for one in report.flips[:_SHOWN]:
        made.add_row(
            name_cell(f"{one.type} {one.component}"), name_cell(one.recorded), name_cell(one.replayed), f"{one.count:,}"
        )
    left = len(report.flips) - _SHOWN
    more = [note(f"and {left:,} more kinds of flips; --json has all")] if left > 0 else []
    examples = [one for row in report.flips[:_SHOWN] for one in row.examples[:1]]
    return [made, *more, *_examples(examples)]


def _examples(examples: Sequence[ReplayedDecision]) -> Sequence[RenderableType]:
    if not examples:
        return []
    made = table(left=("SUCH AS TRACE", "RECORDED", "BY", "REPLAYED", "BY", "INPUT"))
    # The next command needs the whole id.
    made.columns[0].no_wrap = True
    for one in examples:
        made.add_row(
            Text(clean(one.trace_id)),
            name_cell(one.recorded or "-"),
            name_cell(one.recorded_rule or "-"),
            name_cell(one.replayed or "-"),
            name_cell(one.replayed_rule or "default"),
            name_cell(one.input),
        )
    return [Text(), made]


def _failures(report: ReplayReport) -> Sequence[RenderableType]:
    if not report.failures:
        return []
    made = table(left=("RULE THAT FAILED", "OF", "REASON"), right=("DECISIONS",))
    for one in report.failures[:_SHOWN]:
        made.add_row(
            Text(clean(one.rule), style=ERROR),
            name_cell(f"{one.type} {one.component}"),
            name_cell(one.reason),
            f"{one.count:,}",
        )
    left = len(report.failures) - _SHOWN
    return [made, note(f"and {left:,} more; --json has all")] if left > 0 else [made]


def _more(report: ReplayReport) -> Sequence[RenderableType]:
    lines = [
        note(f"tie: {' and '.join(map(clean, one.rules))} match {one.count:,} decisions; the first one decides.")
        for one in report.ties[:_SHOWN]
    ]
    lines += [
        note(f"shadow rule {clean(one.rule)}: matches {one.decided:,}, would decide {one.differing:,} otherwise.")
        for one in report.rules
        if not one.enforced
    ][:_SHOWN]
    unexplained = report.unexplained
    if unexplained.count:
        lines.append(
            Text(
                f"{unexplained.count:,} decisions of this very version are not reproduced by it: unexplained.",
                style=ERROR,
            )
        )
    elif unexplained.basis == "recorded":
        lines.append(note("Every decision that was recorded under this version is reproduced: 0 unexplained."))
    return lines


def _estimates(estimates: Estimates) -> Sequence[RenderableType]:
    overlap = estimates.overlap
    if not overlap.routed:
        return []
    lines: list[RenderableType] = []
    if overlap.flips:
        made = table(left=("ESTIMATED CHANGE",), right=("PER FLIP", "95 %", "IN ALL", "FLIPS"))
        for one in estimates.cost:
            made.add_row(f"cost, {clean(one.currency)}", *_change(one, digits=4))
        if estimates.latency_ms is not None:
            made.add_row("latency, ms", *_change(estimates.latency_ms, digits=4))
        if estimates.error_rate is not None:
            made.add_row("errors", *_change(estimates.error_rate, digits=3))
        lines.append(made)
    lines.append(
        note(
            f"Of {overlap.routed:,} decisions that choose a model, the models of {overlap.observed:,} were observed in this window; "
            f"of {overlap.flips:,} flips between models, {overlap.flips_observed:,} have both sides observed."
        )
    )
    if overlap.without_observations:
        lines.append(note(f"Nothing is known of {', '.join(map(clean, overlap.without_observations[:_SHOWN]))}."))
    if overlap.other_flips:
        lines.append(note(f"Nothing is estimated for {overlap.other_flips:,} flips that are not between models."))
    if overlap.flips_observed:
        lines.append(
            note("Models were not called by lot, so they differ in what they were asked too: see docs/replay.md.")
        )
    return lines


def _change(change: Change | CostChange, *, digits: int) -> tuple[str, str, str, str]:
    each = change.per_decision
    return (
        _signed(each.estimate, digits),
        _range(each, digits),
        _signed(change.total.estimate, digits),
        f"{change.flips:,}",
    )


def _range(estimated: Estimated, digits: int) -> str:
    return f"{_signed(estimated.low, digits)} to {_signed(estimated.high, digits)}"


def _signed(value: float, digits: int) -> str:
    return f"{value:+,.{digits}g}"


def _percent(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else "-"
