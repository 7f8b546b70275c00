"""A page of services as a table."""

from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.service_schema import ServiceList
from relayscope.cli.render.table import note, service_cell, table
from relayscope.cli.render.text import clean


def render_services(answer: ServiceList) -> RenderableType:
    """One service a line."""
    if not answer.items:
        return note("No service has sent spans yet.")
    made = table(left=("SERVICE",))
    for item in answer.items:
        made.add_row(service_cell(item.name))
    if answer.next_cursor is None:
        return made
    return Group(made, Text(), note(f"More: --cursor {clean(answer.next_cursor)}"))
