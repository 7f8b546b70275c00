"""Text, durations and rates in a terminal's cells."""

import math
import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

ERROR = Style(color="red", bold=True)
FAINT = Style(dim=True)
_PALETTE: Sequence[str] = ("cyan", "green", "yellow", "blue", "magenta", "bright_cyan", "bright_green", "bright_blue")
_UNITS = ((3_600_000.0, "h"), (60_000.0, "min"), (1_000.0, "s"), (1.0, "ms"), (0.001, "µs"), (0.000_001, "ns"))


def clean(text: str) -> str:
    """``text`` without what could move the cursor, recolour the terminal or reorder a line: names come from senders."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_harmless, text))


def fit(text: str, width: int) -> str:
    """``text`` in exactly ``width`` cells, with an ellipsis where it had to be cut."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width) if width > 0 else ""


def duration(milliseconds: float | None) -> str:
    """Three significant digits in the unit that suits: ``1.25 s``, ``340 µs``; a dash when it is not known."""
    if milliseconds is None or not math.isfinite(milliseconds):
        return "-"
    if not milliseconds:
        return "0 ms"
    size, unit = next((pair for pair in _UNITS if abs(milliseconds) >= pair[0]), _UNITS[-1])
    return f"{_significant(milliseconds / size)} {unit}"


def rate(per_second: float) -> str:
    """Calls per second, or per minute or hour when they are rare."""
    if per_second >= 1:
        return f"{_significant(per_second)}/s"
    if per_second * 60 >= 1:
        return f"{_significant(per_second * 60)}/min"
    return f"{_significant(per_second * 3_600)}/h"


def share(part: int, whole: int) -> Text:
    """``part`` of ``whole`` as a percentage, in the colour of errors when there are any."""
    if not whole or not part:
        return Text("0 %", style=FAINT)
    return Text(f"{_significant(100 * part / whole)} %", style=ERROR)


def service_style(service: str) -> Style:
    """A colour that a service keeps from one trace to the next."""
    return Style(color=_PALETTE[sum(service.encode()) % len(_PALETTE)])


def moment(iso_time: str) -> str:
    """``2025-01-31 12:00:00.123`` of an ISO-8601 time in UTC with nine fraction digits."""
    return clean(iso_time)[:23].replace("T", " ")


def _harmless(char: str) -> str:
    if char in "\t\r\n":
        return " "
    # Cc controls, Cf includes the marks that change the direction of writing, Cs and Co have no glyphs.
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return "\N{REPLACEMENT CHARACTER}"
    return char


def _significant(number: float) -> str:
    if abs(number) >= 100:
        return f"{number:,.0f}"
    text = f"{number:.3g}" if abs(number) >= 0.01 else f"{number:.2g}"
    return text if "e" not in text else f"{number:.6f}".rstrip("0")
