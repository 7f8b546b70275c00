"""Lists, hits, statistics, models and sessions of AI interactions as tables."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.text import Text

from relayscope.api.rest import interaction_schema as schema
from relayscope.cli.render.table import name_cell, note, service_cell, table
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, moment, share

# From this width on, the ids of calls stand in their lines, and what sessions were about in theirs.
_WIDE = 140
_MAX_NAME_CELLS = 28
_GAP_CELLS = 3
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


def render_statistics(answer: schema.InteractionStatistics, *, width: int) -> RenderableType:
    """A line a group, with a column for each dimension and for the time bucket, and as many numbers as ``width`` has room for."""
    window = note(f"{moment(answer.start)} to {moment(answer.end)} UTC")
    if not any(group.calls for group in answer.items):
        return Group(note("No interactions match in this window:"), window)
    names = list(answer.items[0].key)
    has_buckets = answer.items[0].bucket_start is not None
    rows = []
    for group in answer.items:
        start = (Text(moment(group.bucket_start)[:19], no_wrap=True),) if group.bucket_start else ()
        rows.append(((*start, *(name_cell(group.key[name] or "-") for name in names)), _numbers(group)))
    titles = (*(("START (UTC)",) if has_buckets else ()), *(name.upper() for name in names))
    made = fitted(titles, rows, width=width)
    cut = [note("There are more groups: --limit shows more.")] if answer.truncated else []
    return Group(window, Text(), made, *([Text(), *cut] if cut else []))


def render_models(answer: schema.ModelList, *, width: int) -> RenderableType:
    """Models side by side, with as many numbers as ``width`` has room for."""
    window = note(f"{moment(answer.start)} to {moment(answer.end)} UTC")
    if not answer.items:
        return Group(note("No interactions match in this window:"), window)
    rows = []
    for one in answer.items:
        per_call = {"PER CALL": money(one.cost_per_call, one.currency), "TOKENS/CALL": count(one.tokens_per_call)}
        rows.append(((name_cell(one.provider), name_cell(one.model)), _numbers(one) | per_call))
    return Group(window, Text(), fitted(("PROVIDER", "MODEL"), rows, width=width))


def render_sessions(answer: schema.SessionList, *, width: int) -> RenderableType:
    """A line a session. Ids are never cut; below ``_WIDE`` cells, names and some numbers are left out for them."""
    if not answer.items:
        return note(f"No sessions match. {_ADVICE}")
    is_wide = width >= _WIDE
    names = ("USERS", "MODELS", "SERVICE") if is_wide else ()
    numbers = ("LENGTH", "CALLS", "ERRORS", "TOKENS", "COST") if is_wide else ("CALLS", "ERRORS", "COST")
    made = table(left=("SESSION", "START (UTC)", *names), right=numbers)
    made.columns[0].overflow = "fold"
    made.columns[1].no_wrap = True
    for one in answer.items:
        about = (", ".join(one.users) or "-", ", ".join(one.models) or "-")
        cells = {
            "LENGTH": Text(duration(one.duration)),
            "CALLS": Text(f"{one.calls:,}"),
            "ERRORS": Text(f"{one.errors:,}", style=ERROR if one.errors else ""),
            "TOKENS": count(one.total_tokens),
            "COST": costs(one.costs),
        }
        made.add_row(
            Text(clean(one.id)),
            Text(moment(one.start_time)[slice(19) if is_wide else slice(5, 16)]),
            *((*map(name_cell, about), service_cell(", ".join(one.services))) if is_wide else ()),
            *(cells[title] for title in numbers),
        )
    return Group(made, *more(answer.next_cursor))


_ALWAYS = ("CALLS", "ERRORS", "COST")
# What is left out first, when there is no room, stands last.
_RANKING = (
    *_ALWAYS, "P50", "P95", "IN", "OUT", "TTFT P50", "TOK/S", "PER CALL", "P99", "TOKENS/CALL",
)  # fmt: skip


def fitted(
    names: Sequence[str],
    rows: Sequence[tuple[Sequence[Text], Mapping[str, Text]]],
    *,
    width: int,
    ranking: Sequence[str] = _RANKING,
    always: Collection[str] = _ALWAYS,
) -> RenderableType:
    """A table of names and numbers; without the numbers for which the names would have to be cut too short."""
    widths = {title: max(cell_len(title), *(row[title].cell_len for _, row in rows)) for title in rows[0][1]}
    of_names = [
        min(_MAX_NAME_CELLS, max(cell_len(title), *(cells[place].cell_len for cells, _ in rows)))
        for place, title in enumerate(names)
    ]
    room = width - sum(of_names) - _GAP_CELLS * (len(names) - 1)
    kept = []
    for title in filter(widths.__contains__, ranking):
        room -= widths[title] + _GAP_CELLS
        if room < 0 and title not in always:
            break
        kept.append(title)
    shown = [title for title in widths if title in kept]
    made = table(left=names, right=shown)
    for cells, numbers in rows:
        made.add_row(*cells, *(numbers[title] for title in shown))
    return made


def _numbers(one: schema.Statistics) -> dict[str, Text]:
    latency, first = one.latency, one.time_to_first_token
    return {
        "CALLS": Text(f"{one.calls:,}"),
        "ERRORS": share(one.errors, one.calls),
        "IN": count(one.prompt_tokens),
        "OUT": count(one.response_tokens),
        "COST": costs(one.costs),
        "P50": Text(duration(latency.p50 if latency else None)),
        "P95": Text(duration(latency.p95 if latency else None)),
        "P99": Text(duration(latency.p99 if latency else None)),
        "TTFT P50": Text(duration(first.p50 if first else None)),
        "TOK/S": count(one.tokens_per_second),
    }


def _snippet(title: str, fragments: Sequence[schema.Fragment]) -> Text:
    line = Text(f"{title}: ", style=FAINT)
    for fragment in fragments:
        line.append(clean(fragment.text), style=_MATCH if fragment.is_match else Style(dim=False))
    return line


def _style(status: str) -> Style | str:
    return "" if status == "success" else ERROR
