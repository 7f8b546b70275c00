"""One interaction, or a session, as a conversation: who said what, which tools were called, what it cost and why."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from msgspec import UNSET
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from relayscope.api.rest import interaction_schema as schema
from relayscope.cli.render.interactions import costs, count, money, more
from relayscope.cli.render.table import name_cell, note, table
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, moment

# A terminal is no place for a book; --json has everything.
_MAX_PART_CHARS = 4_000
_ROLES = {
    "system": Style(color="magenta", bold=True),
    "user": Style(color="cyan", bold=True),
    "assistant": Style(color="green", bold=True),
    "tool": Style(color="yellow", bold=True),
}
_CALL = Style(color="yellow")
_ARROWS = {"tool_call": "→", "tool_call_response": "←"}


def render_detail(one: schema.InteractionDetail) -> RenderableType:
    """Facts, the conversation, the calculation of the cost, the spans around it."""
    return Group(
        *_header(one),
        Text(),
        _facts(one),
        *_section("Conversation", _messages([*one.messages.input, *one.messages.output], {})),
        *(
            [note("Its spans are gone, or hold no messages: only what was new in it is known.")]
            if _is_bare(one)
            else []
        ),
        *_section("Cost", _cost(one)),
        *_section("Spans", _spans(one.related_spans)),
    )


def render_session(session: schema.SessionDetail) -> RenderableType:
    """All turns, one after the other, with a line of facts above each."""
    facts = [
        f"{moment(session.start_time)} UTC",
        duration(session.duration),
        f"{session.calls:,} call{'' if session.calls == 1 else 's'}",
        *([f"{session.errors:,} failed"] if session.errors else []),
        *([f"{session.total_tokens:,} tokens"] if session.total_tokens is not None else []),
        costs(session.costs).plain,
        *session.users,
        *session.models,
    ]
    shown: list[RenderableType] = [Text(clean(session.id), style="bold"), note(" · ".join(map(clean, facts)))]
    tools: dict[str, str] = {}
    for turn in session.turns:
        shown += [Text(), _turn_line(turn.interaction), *_messages(turn.messages, tools), *_failure(turn.interaction)]
    return Group(*shown, *more(session.next_cursor))


def _turn_line(one: schema.Interaction) -> Text:
    facts = [
        moment(one.start_time),
        one.model or one.name,
        duration(one.latency_ms),
        *([f"{one.total_tokens:,} tokens"] if one.total_tokens is not None else []),
        *([money(one.cost, one.currency).plain] if one.cost is not None else []),
        one.id,
    ]
    return note(" · ".join(clean(fact) for fact in facts if fact))


def _header(one: schema.Interaction) -> Iterator[RenderableType]:
    title = Text(clean(f"{one.operation}  {one.provider}  {one.model}".strip()), style="bold")
    if one.status != "success":
        title.append(f"  {one.error_class or one.status}", style=ERROR)
    yield title
    yield note(clean(one.id))
    yield from _failure(one)


def _failure(one: schema.Interaction) -> Iterator[Text]:
    if one.error_details is not UNSET:
        yield Text(f"✗ {clean(one.error_details.message)}", style=ERROR)


def _facts(one: schema.InteractionDetail) -> Table:
    made = Table.grid(padding=(0, 2))
    made.add_column(style=FAINT, no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in _fact_rows(one):
        if value:
            made.add_row(name, Text(clean(value)))
    return made


def _fact_rows(one: schema.InteractionDetail) -> Iterable[tuple[str, str]]:
    speed = f"{one.tokens_per_second:,.0f} tokens/s" if one.tokens_per_second else ""
    first = f"first token after {duration(one.time_to_first_token)}" if one.time_to_first_token is not None else ""
    streaming = {True: "streaming", False: "not streaming", None: ""}[one.is_streaming]
    timing = [duration(one.latency_ms), first, speed, streaming]
    return (
        ("Start", f"{moment(one.start_time)} UTC"),
        ("Timing", ", ".join(filter(None, timing))),
        ("Tokens", _tokens(one)),
        ("Model", _models(one)),
        ("Trace", one.trace_id),
        ("Request", one.request_id or ""),
        ("Response", one.response_id or ""),
        ("Service", one.service),
        ("Agent", one.agent or ""),
        ("User", one.user_id or ""),
        ("Session", one.session_id or ""),
        ("Organization", one.organization_id or ""),
        ("Finish", one.finish_reason),
        ("Parameters", ", ".join(f"{name}={value}" for name, value in one.parameters.items())),
        ("Tags", ", ".join(one.tags)),
        ("Endpoint", one.endpoint or ""),
        ("Convention", one.convention),
    )


def _tokens(one: schema.Interaction) -> str:
    if one.total_tokens is None:
        return ""
    usage = one.usage
    input_parts = [
        f"{number:,} {name}"
        for name, number in (
            ("from the cache", usage.cache_read),
            ("into the cache", usage.cache_write),
            ("audio", usage.audio_input),
        )
        if number
    ]
    output_parts = [
        f"{number:,} {name}"
        for name, number in (("reasoning", usage.reasoning), ("audio", usage.audio_output))
        if number
    ]
    sides = ((one.prompt_tokens, "in", input_parts), (one.response_tokens, "out", output_parts))
    told = [
        f"{total:,} {name}" + (f" ({', '.join(parts)})" if parts else "")
        for total, name, parts in sides
        if total is not None
    ]
    estimated = ", estimated" if usage.is_estimated else ""
    return f"{one.total_tokens:,}: {', '.join(told)}{estimated}"


def _models(one: schema.Interaction) -> str:
    if one.model_requested and one.model_served and one.model_requested != one.model_served:
        return f"{one.model_served} (asked for {one.model_requested})"
    return one.model


def _is_bare(one: schema.InteractionDetail) -> bool:
    return one.messages.source == "texts" and bool(one.messages.input or one.messages.output)


def _section(title: str, parts: Iterable[RenderableType]) -> list[RenderableType]:
    found = list(parts)
    return [Text(), Text(title, style="bold underline"), *found] if found else []


def _messages(messages: Sequence[schema.Message], tools: dict[str, str]) -> Iterator[RenderableType]:
    """``tools`` has the names of calls of tools by their ids, and is added to: results often have the id only."""
    for message in messages:
        title = Text(clean(message.role), style=_ROLES.get(message.role, Style(bold=True)))
        if message.name:
            title.append(f" {clean(message.name)}", style=FAINT)
        yield title
        for part in message.parts:
            if part.id and part.name:
                tools[part.id] = part.name
            yield Padding(_part(part, name=part.name or tools.get(part.id or "", "")), (0, 0, 0, 2))


def _part(part: schema.MessagePart, *, name: str) -> RenderableType:
    text = _lines(part.text)
    arrow = _ARROWS.get(part.type)
    if arrow:
        call_id = f"[{clean(part.id)}]" if part.id else ""
        return Text(" ".join(filter(None, (arrow, clean(name), call_id, text))), style=_CALL)
    if part.type == "text":
        return Text(text)
    return Text(f"({clean(part.type)}) {text}", style=FAINT)


def _lines(text: str) -> str:
    """The text line by line, without what could do harm in a terminal; a long one is cut."""
    shown = "\n".join(clean(line) for line in text[:_MAX_PART_CHARS].splitlines())
    rest = len(text) - _MAX_PART_CHARS
    return f"{shown}\n… {rest:,} more characters; --json has them" if rest > 0 else shown


def _cost(one: schema.InteractionDetail) -> Iterator[RenderableType]:
    cost = one.cost_explanation
    if cost.amount is None and not cost.lines:
        if one.total_tokens is not None:
            name = "/".join(filter(None, (one.provider, one.model)))
            advice = "Prices of your own go into processors.ai.prices."
            yield note(f"Unknown: there is no price for {clean(name)}. {advice}")
        return
    line = Text.assemble(_exact(cost.amount, cost.currency), "  ", (clean(cost.source), FAINT))
    if cost.price:
        line.append(f"  prices of {clean(cost.price)}", style=FAINT)
    yield line
    if cost.lines:
        made = table(left=("BUCKET",), right=("TOKENS", "PER MILLION", "AMOUNT"))
        for part in cost.lines:
            # A discount is of no tokens.
            tokens = count(part.tokens) if part.tokens else Text()
            made.add_row(name_cell(part.bucket), tokens, Text(clean(part.per_million)), Text(clean(part.amount)))
        yield made
    if cost.is_discrepant:
        computed = money(cost.computed, cost.currency).plain
        yield Text(
            f"! reported and computed differ: by the price data it is {computed}{_version(cost.computed_by)}",
            style=ERROR,
        )


def _version(computed_by: str) -> str:
    return f" ({clean(computed_by)})" if computed_by else ""


def _exact(amount: float | None, currency: str) -> Text:
    """Every digit, since the lines below add up to it."""
    if amount is None:
        return Text("unknown")
    digits = f"{Decimal(repr(amount)):,f}"
    return Text(f"${digits}" if currency == "USD" else f"{digits} {clean(currency)}".rstrip())


def _spans(spans: Sequence[schema.RelatedSpan]) -> Iterator[RenderableType]:
    if not spans:
        return
    made = table(left=("RELATION", "SPAN", "SERVICE", "NAME", "CONVENTION"), right=("DURATION", "STATUS"))
    made.columns[1].no_wrap = True
    for span in spans:
        made.add_row(
            Text(span.relation),
            Text(clean(span.span_id)),
            name_cell(span.component),
            name_cell(span.name),
            name_cell(span.convention or ""),
            Text(duration(span.duration)),
            Text(span.status, style="" if span.status == "success" else ERROR),
        )
    yield made
