"""How tables look."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.style import Style
from rich.table import Table
from rich.text import Text

from relayscope.cli.render.text import FAINT, clean, service_style


def table(*, left: Sequence[str] = (), right: Sequence[str] = ()) -> Table:
    """A plain table with these columns; those on the right hold numbers.

    Names are cut with an ellipsis when there is no room, if they are cells made below, so that no digit ever is.
    """
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in left:
        made.add_column(title, overflow="ellipsis")
    for title in right:
        made.add_column(title, justify="right", no_wrap=True)
    return made


def service_cell(service: str) -> Text:
    return name_cell(service, style=service_style(service))


def name_cell(name: str, *, style: Style | str = "") -> Text:
    """One line, whatever the width: it is the column that can be narrowed, which one without wrapping could not."""
    return Text(clean(name), style=style, no_wrap=True, overflow="ellipsis")


def note(text: str) -> Text:
    return Text(text, style=FAINT)
