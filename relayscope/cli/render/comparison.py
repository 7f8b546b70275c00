"""Two traces beside each other, as a tree of what was called."""

from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.comparison_schema import ComparedGroup, ComparedTrace, InteractionDifference, TraceComparison
from relayscope.cli.render.table import name_cell, note, table
from relayscope.cli.render.text import ERROR, FAINT, clean, duration

_MAX_DEPTH = 12
_MAX_ATTRIBUTES = 20
_MARKS = {"both": " ", "left": "<", "right": ">"}


def render_comparison(found: TraceComparison) -> RenderableType:
    """Both traces, their groups with < and > before what only one has, and in what their roots and calls differ."""
    parts: list[RenderableType] = [
        _head("<", found.left),
        _head(">", found.right),
        Text(f"{_signed(found.duration_difference)}, {found.only_left:,} groups only <, {found.only_right:,} only >"),
        Text(),
        _groups(found),
    ]
    if found.truncated:
        parts += [Text(), note(f"{found.group_count - len(found.groups):,} groups that differ less are not shown.")]
    if not (found.left.complete and found.right.complete):
        parts += [Text(), note("A trace is too large: only its earliest spans were looked at.")]
    if found.root_attributes:
        parts += [Text(), _attributes(found)]
    if found.interactions is not None:
        parts += [Text(), _interactions(found.interactions)]
    return Group(*parts)


def _head(mark: str, one: ComparedTrace) -> Text:
    name = f"{mark} {clean(one.root_service)}  {clean(one.name)}"
    facts = f" · {one.trace_id} · {duration(one.duration)} · {one.span_count:,} spans · {one.error_count:,} failed"
    return Text(name, style="bold").append(facts, style=FAINT)


def _groups(found: TraceComparison) -> RenderableType:
    made = table(left=("", "service and operation"), right=("<", ">", "time <", "time >", "path", "failed"))
    for group in found.groups:
        indent = "  " * min(group.depth, _MAX_DEPTH)
        made.add_row(
            _MARKS[group.presence],
            name_cell(f"{indent}{group.service or '?'} {group.name}"),
            f"{group.left.count:,}" if group.left else "-",
            f"{group.right.count:,}" if group.right else "-",
            duration(group.left.duration if group.left else None),
            duration(group.right.duration if group.right else None),
            _signed(group.path_difference),
            _errors(group),
        )
    return made


def _errors(group: ComparedGroup) -> Text:
    left, right = (side.errors if side else 0 for side in (group.left, group.right))
    return Text(f"{left:,} → {right:,}", style=ERROR) if left or right else Text()


def _attributes(found: TraceComparison) -> RenderableType:
    made = table(left=("root attribute", "<", ">"))
    for one in found.root_attributes[:_MAX_ATTRIBUTES]:
        made.add_row(name_cell(f"{one.scope}.{one.key}"), *(_value(side) for side in (one.left, one.right)))
    return made


# A value is an object of one member, whose type its name says.
def _value(value: object) -> Text:
    inner = next(iter(value.values()), "") if isinstance(value, dict) else None
    return note("-") if inner is None else name_cell(str(inner))


def _interactions(found: InteractionDifference) -> RenderableType:
    made = table(left=("calls of models",), right=("calls", "failed", "input", "output", "cost"))
    for mark, one in (("<", found.left), (">", found.right)):
        cost = ", ".join(f"{money.amount:.6g} {money.currency}" for money in one.costs) or "-"
        made.add_row(
            mark, f"{one.calls:,}", f"{one.errors:,}", _count(one.prompt_tokens), _count(one.response_tokens), cost
        )
    return made


def _count(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens:,}"


def _signed(milliseconds: float) -> str:
    return f"+{duration(milliseconds)}" if milliseconds > 0 else duration(milliseconds)
