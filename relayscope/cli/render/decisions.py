"""Decision traces, one flow, and statistics of decisions in a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from relayscope.api.rest import decision_schema as schema
from relayscope.cli.render.interactions import costs, count, fitted, money, more
from relayscope.cli.render.table import name_cell, note, table
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, moment, share

_ADVICE = "The default window is the last 24 hours; --start -7d looks further back."
_WIDE = 120
# The numbers of groups, those that matter most first: a narrow terminal shows as many as leave room for names.
_ALWAYS = ("COUNT", "SHARE")
_RANKING = (*_ALWAYS, "EVAL P50", "COST", "ERRORS", "CALLS", "EVAL P95", "CALL P50", "SHADOW")
_BAD = frozenset({"deny", "exceeded", "error", "escalate", "blocked", "budget_exceeded", "rejected"})
_MAX_VALUE_CHARS = 2_000
_SHADOW = Style(dim=True, italic=True)


def render_traces(answer: schema.DecisionTraceList, *, width: int, today: date) -> RenderableType:
    """A line a trace. Ids are never cut, because the next command needs them; below ``_WIDE`` cells they have lines of their own."""
    if not answer.items:
        return note(f"No decisions match. {_ADVICE}")
    is_wide = width >= _WIDE
    starts = [moment(one.timestamp) for one in answer.items]
    shown = slice(11, 19) if all(start.startswith(f"{today:%Y-%m-%d}") for start in starts) else slice(5, 19)
    made = table(left=(*(("TRACE",) if is_wide else ()), "UTC", "REQUEST", "DECISIONS", "ANSWERED"), right=("STATUS",))
    for column in made.columns[: 2 if is_wide else 1]:
        column.no_wrap = True
    for one, start in zip(answer.items, starts, strict=True):
        made.add_row(
            *((Text(clean(one.trace_id)),) if is_wide else ()),
            Text(start[shown]),
            name_cell(one.request_id or "-"),
            name_cell(" → ".join(_brief(decision) for decision in one.decisions)),
            name_cell(_answered(one.final_outcome) or "-"),
            _verdict(one.final_outcome.status or "-"),
        )
    ids = (
        []
        if is_wide
        else [Text(), note("Traces, in the same order:"), *(Text(clean(x.trace_id)) for x in answer.items)]
    )
    return Group(made, *ids, *more(answer.next_cursor))


def render_flow(flow: schema.DecisionFlow) -> RenderableType:
    """The flow in a line, the decisions one after the other, and the calls of models."""
    chain = Text(" → ").join([Text(clean(name), style="bold") for name in flow.flow])
    shown: list[RenderableType] = [chain, note(f"trace {clean(flow.trace_id)}"), Text(), _facts(_above(flow))]
    shown += [Text(), Text("Decision points", style="bold underline")]
    for number, step in enumerate(flow.decisions, 1):
        shown += [Padding(Text.assemble(f"{number}. ", *_headline(step)), (0, 0, 0, 0)), _details(step, flow), Text()]
    if flow.interactions:
        shown += [Text("Calls of models", style="bold underline"), _calls(flow.interactions)]
    return Group(*shown)


def render_groups(answer: schema.DecisionStatistics, *, width: int) -> RenderableType:
    """A line a group, with a column for each dimension and for the time bucket, and the numbers that ``width`` has room for."""
    window = note(f"{moment(answer.start)} to {moment(answer.end)} UTC, {answer.total:,} decisions")
    if not answer.items:
        return Group(note("No decisions match in this window:"), window)
    names = list(answer.items[0].key)
    has_buckets = answer.items[0].bucket_start is not None
    titles = (*(("START (UTC)",) if has_buckets else ()), *(name.upper() for name in names))
    rows = [(_group_names(group, names), _group_numbers(group)) for group in answer.items]
    cut = [Text(), note("There are more groups: --limit shows more.")] if answer.truncated else []
    return Group(window, Text(), fitted(titles, rows, width=width, ranking=_RANKING, always=_ALWAYS), *cut)


def _group_names(group: schema.DecisionGroup, names: Sequence[str]) -> Sequence[Text]:
    start = (Text(moment(group.bucket_start)[:16], no_wrap=True),) if group.bucket_start else ()
    return (*start, *(name_cell(group.key[name] or "-") for name in names))


def _group_numbers(group: schema.DecisionGroup) -> Mapping[str, Text]:
    found, took = group.downstream, group.evaluation_time
    return {
        "COUNT": count(group.count),
        "SHARE": Text(f"{100 * group.share:.3g} %"),
        "SHADOW": count(group.shadow),
        "EVAL P50": Text(duration(took.p50 if took else None)),
        "EVAL P95": Text(duration(took.p95 if took else None)),
        "CALLS": count(found.calls),
        "ERRORS": share(found.errors, found.calls),
        "CALL P50": Text(duration(found.latency.p50 if found.latency else None)),
        "COST": costs(found.costs),
    }


def _brief(decision: schema.Decision) -> str:
    verdict = f"={decision.outcome}" if decision.outcome else ""
    return f"{decision.component}{verdict}{' (shadow)' if decision.is_enforced is False else ''}"


def _answered(outcome: schema.FinalOutcome) -> str:
    return " ".join(filter(None, (outcome.provider, outcome.model)))


def _verdict(word: str) -> Text:
    return Text(clean(word), style=ERROR if word in _BAD else "")


def _above(flow: schema.DecisionFlow) -> Iterable[tuple[str, str]]:
    outcome = flow.final_outcome
    told = filter(None, (outcome.status, _answered(outcome)))
    source = "as stated" if outcome.is_stated else "by the call of the model"
    return (
        ("Request", flow.request_id or ""),
        ("Start", f"{moment(flow.timestamp)} UTC"),
        ("User", flow.user_id or ""),
        ("Organization", flow.organization_id or ""),
        ("Session", flow.session_id or ""),
        ("Path", flow.request_path or ""),
        ("Outcome", f"{', '.join(told)} ({source})" if outcome.status or _answered(outcome) else "not known"),
    )


def _headline(step: schema.DecisionStep) -> Iterator[Text | tuple[str, str | Style]]:
    yield clean(step.component), "bold"
    yield f"  {clean(step.reported_type or step.type)}  ", FAINT
    yield _verdict(step.outcome or "-")
    if step.is_enforced is False:
        yield "  shadow: nothing followed", _SHADOW


def _details(step: schema.DecisionStep, flow: schema.DecisionFlow) -> Padding:
    rule = " ".join(filter(None, (step.rule_name or "", f"({step.rule_id})" if step.rule_id else "")))
    version = f", version {step.rule_version}" if step.rule_version else ""
    numbers = {one.id: number for number, one in enumerate(flow.decisions, 1)}
    led_by = f"decision {numbers[step.parent_id]}" if step.parent_id in numbers else step.parent_id or ""
    names = {call.id: _call(call) for call in flow.interactions}
    rows = (
        ("Time", f"{moment(step.timestamp)[11:]} UTC, took {duration(step.evaluation_time_ms)}"),
        ("Rule", f"{rule}{version}" if rule else ""),
        ("Why", step.reasoning or ""),
        ("Input", _value(step.input)),
        ("Output", _value(step.output)),
        ("Lost", ", ".join(one.name for one in step.alternatives if not one.is_selected)),
        ("After", led_by),
        ("Called", "; ".join(names[one] for one in step.interaction_ids if one in names)),
        ("Span", step.span_id or ""),
    )
    return Padding(_facts(rows), (0, 0, 0, 3))


def _facts(rows: Iterable[tuple[str, str]]) -> Table:
    made = Table.grid(padding=(0, 2))
    made.add_column(style=FAINT, no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        if value:
            made.add_row(name, Text(clean(value)))
    return made


def _value(value: object) -> str:
    """A value on one line; members of an object without the brackets around them. A terminal is no place for a book."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key}: {_json(item)}" for key, item in value.items())
    else:
        text = _json(value)
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[:_MAX_VALUE_CHARS]}… (--json has all)"


def _json(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _call(call: schema.DecidedInteraction) -> str:
    facts = [f"{call.provider} {call.model}".strip(), duration(call.latency_ms)]
    if call.cost is not None:
        facts.append(money(call.cost, call.currency).plain)
    return ", ".join(facts if call.status == "success" else [*facts, call.error_class or call.status])


def _calls(calls: Iterable[schema.DecidedInteraction]) -> Table:
    made = table(left=("PROVIDER", "MODEL", "SPAN"), right=("TOKENS", "LATENCY", "COST", "STATUS"))
    for call in calls:
        made.add_row(
            name_cell(call.provider),
            name_cell(call.model),
            Text(clean(call.span_id), no_wrap=True),
            count(call.total_tokens),
            Text(duration(call.latency_ms)),
            money(call.cost, call.currency),
            Text(clean(call.error_class or call.status), style="" if call.status == "success" else ERROR),
        )
    return made
