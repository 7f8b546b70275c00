"""Attribute keys, and the values of one, with how often they were seen."""

from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.attribute_schema import AttributeKeyList, AttributeValueList
from relayscope.cli.render.table import name_cell, note, table


def render_keys(found: AttributeKeyList) -> RenderableType:
    if not found.items:
        return Group(note("No keys were found."), _sampled(found))
    made = table(left=("key", "scope", "types"), right=("seen",))
    for one in found.items:
        made.add_row(name_cell(one.key), one.scope, ", ".join(one.types), f"{one.count:,}")
    return Group(made, Text(), _sampled(found))


def render_values(found: AttributeValueList) -> RenderableType:
    if not found.items:
        return Group(
            note("No values were found; relayscope attributes shows the keys that there are."), _sampled(found)
        )
    made = table(left=("value", "scope"), right=("seen",))
    for one in found.items:
        made.add_row(name_cell(one.text), one.scope, f"{one.count:,}")
    return Group(made, Text(), _sampled(found))


def _sampled(found: AttributeKeyList | AttributeValueList) -> Text:
    if found.complete:
        return note(f"All {found.sampled_spans:,} spans of the time were looked at.")
    return note(f"The newest {found.sampled_spans:,} spans were looked at; there can be more.")
