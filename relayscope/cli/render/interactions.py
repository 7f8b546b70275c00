"""Lists, hits, statistics, models and sessions of AI interactions as tables."""

from collections.abc import Iterable, Sequence
from datetime import date

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.text import Text

from relayscope.api.rest import interaction_schema as schema
from relayscope.cli.render.table import name_cell, note, service_cell, table
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, moment, share

_WIDE = 120
_MATCH = Style(color="yellow", bold=True)
_ADVICE = "The default window is the last 24 hours; --start -7d looks further back."


def count(number: float | None) -> Text:
    """A number with separators; a dash when nobody knows."""
    return Text("-" if number is None else f"{number:,.0f}")


def money(amount: float | None, currency: str | None) -> Text:
    """An amount with as many digits as matter: a call may cost a millionth."""
    if amount is None:
        return Text("-")
    digits = f"{amount:,.2f}" if amount >= 100 or not amount else f"{amount:.4g}"
    if "e" in digits:
        digits = f"{amount:.10f}".rstrip("0")
    return Text(f"${digits}" if currency == "USD" else f"{digits} {clean(currency or '')}".rstrip())


def costs(sums: Sequence[schema.Money]) -> Text:
    if not sums:
        return Text("-")
    return Text(" + ").join(money(one.amount, one.currency) for one in sums)


def more(next_cursor: str | None) -> list[RenderableType]:
    return [Text(), note(f"More: --cursor {clean(next_cursor)}")] if next_cursor else []


def render_interactions(answer: schema.InteractionList, *, width: int, today: date) -> RenderableType:
    """Newest first. Ids are never cut, because the next command needs them; below ``_WIDE`` cells they have lines of their own."""
    if not answer.items:
        return note(f"No interactions match. {_ADVICE}")
    is_wide = width >= _WIDE
    moments = [moment(one.start_time) for one in answer.items]
    shown = slice(11, 19) if all(start.startswith(f"{today:%Y-%m-%d}") for start in moments) else slice(5, 19)
    made = table(
        left=(*(("ID",) if is_wide else ()), "UTC", "PROVIDER", "MODEL"),
        right=("TOKENS", "LATENCY", "COST", "STATUS"),
    )
    for column in made.columns[: 2 if is_wide else 1]:
        column.no_wrap = True
    for one, start in zip(answer.items, moments, strict=True):
        made.add_row(
            *((Text(clean(one.id)),) if is_wide else ()),
            Text(start[shown]),
            name_cell(one.provider),
            name_cell(one.model or one.name),
            count(one.total_tokens),
            Text(duration(one.latency_ms)),
            money(one.cost, one.currency),
            Text(one.error_class or one.status, style=_style(one.status)),
        )
    ids = [] if is_wide else [Text(), note("Ids, in the same order:"), *(Text(clean(one.id)) for one in answer.items)]
    return Group(made, *ids, *more(answer.next_cursor))


def render_hits(answer: schema.HitList) -> RenderableType:
    """Each hit with what was found, the words in colour."""
    if not answer.items:
        return note(f"Nothing was found. {_ADVICE} What came within the last seconds may not be found yet.")
    shown: list[RenderableType] = []
    for hit in answer.items:
        one = hit.interaction
        facts = [f"{moment(one.start_time)} UTC", one.provider, one.model, duration(one.latency_ms)]
        shown.append(Text(clean(one.id), style="bold"))
        shown.append(note(" · ".join(clean(fact) for fact in facts if fact)))
        for title, fragments in (("asked", hit.highlights.prompt), ("answered", hit.highlights.response)):
            if fragments:
                shown.append(Padding(_snippet(title, fragments), (0, 0, 0, 2)))
        shown.append(Text())
    cut = [note("There were too many matches: the newest 2,000 were ranked.")] if answer.truncated else []
    return Group(*shown[:-1], *([Text(), *cut] if cut else []), *more(answer.next_cursor))


def render_statistics(answer: schema.InteractionStatistics) -> RenderableType:
    """A line a group, with a column for each dimension and for the time bucket."""
    window = note(f"{moment(answer.start)} to {moment(answer.end)} UTC")
    if not any(group.calls for group in answer.items):
        return Group(note("No interactions match in this window:"), window)
    names = list(answer.items[0].key)
    has_buckets = answer.items[0].bucket_start is not None
    made = table(left=(*(("START (UTC)",) if has_buckets else ()), *(name.upper() for name in names)), right=_NUMBERS)
    for group in answer.items:
        start = (Text(moment(group.bucket_start)[:19], no_wrap=True),) if group.bucket_start else ()
        made.add_row(*start, *(name_cell(group.key[name] or "-") for name in names), *_numbers(group))
    cut = [note("There are more groups: --limit shows more.")] if answer.truncated else []
    return Group(window, Text(), made, *([Text(), *cut] if cut else []))


def render_models(answer: schema.ModelList) -> RenderableType:
    """Models side by side."""
    window = note(f"{moment(answer.start)} to {moment(answer.end)} UTC")
    if not answer.items:
        return Group(note("No interactions match in this window:"), window)
    made = table(left=("PROVIDER", "MODEL"), right=(*_NUMBERS, "PER CALL", "TOKENS/CALL"))
    for one in answer.items:
        per_call = money(one.cost_per_call, one.currency)
        made.add_row(
            name_cell(one.provider), name_cell(one.model), *_numbers(one), per_call, count(one.tokens_per_call)
        )
    return Group(window, Text(), made)


def render_sessions(answer: schema.SessionList) -> RenderableType:
    """A line a session."""
    if not answer.items:
        return note(f"No sessions match. {_ADVICE}")
    made = table(
        left=("SESSION", "START (UTC)", "USERS", "MODELS", "SERVICE"),
        right=("LENGTH", "CALLS", "ERRORS", "TOKENS", "COST"),
    )
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for one in answer.items:
        made.add_row(
            Text(clean(one.id)),
            Text(moment(one.start_time)[:19]),
            name_cell(", ".join(one.users) or "-"),
            name_cell(", ".join(one.models) or "-"),
            service_cell(", ".join(one.services)),
            Text(duration(one.duration)),
            Text(f"{one.calls:,}"),
            Text(f"{one.errors:,}", style=ERROR if one.errors else ""),
            count(one.total_tokens),
            costs(one.costs),
        )
    return Group(made, *more(answer.next_cursor))


_NUMBERS = ("CALLS", "ERRORS", "IN", "OUT", "COST", "P50", "P95", "P99", "TTFT P50", "TOK/S")


def _numbers(one: schema.Statistics) -> Iterable[Text]:
    latency, first = one.latency, one.time_to_first_token
    return (
        Text(f"{one.calls:,}"),
        share(one.errors, one.calls),
        count(one.prompt_tokens),
        count(one.response_tokens),
        costs(one.costs),
        *(Text(duration(value)) for value in ((latency.p50, latency.p95, latency.p99) if latency else (None,) * 3)),
        Text(duration(first.p50 if first else None)),
        count(one.tokens_per_second),
    )


def _snippet(title: str, fragments: Sequence[schema.Fragment]) -> Text:
    line = Text(f"{title}: ", style=FAINT)
    for fragment in fragments:
        line.append(clean(fragment.text), style=_MATCH if fragment.is_match else Style(dim=False))
    return line


def _style(status: str) -> Style | str:
    return "" if status == "success" else ERROR
