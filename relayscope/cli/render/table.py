"""How tables look."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from relayscope.cli.render.text import FAINT, clean, service_style


def table(*, left: Sequence[str] = (), right: Sequence[str] = ()) -> Table:
    """A plain table with these columns; those on the right hold numbers.

    Names are folded when there is no room, so that no digit is ever cut.
    """
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in left:
        made.add_column(title, overflow="fold")
    for title in right:
        made.add_column(title, justify="right", no_wrap=True)
    return made


def service_cell(service: str) -> Text:
    return Text(clean(service), style=service_style(service))


def note(text: str) -> Text:
    return Text(text, style=FAINT)
