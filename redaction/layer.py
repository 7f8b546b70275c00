"""Encodings inside text, and how to put redacted text back into them with the structure still valid.

Layers are disjoint regions. Each is decoded in ``json_layer`` or ``escape`` and redacted elsewhere, one inside the other, so nothing
there detects.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is what the region ``start`` to ``end`` says; ``encode`` says another text in the same way.

    ``key`` is the name of the JSON member that the region is the value of, or of the one around it that goes whole;
    ``is_name``: the region is such a name.
    """

    start: int
    end: int
    text: str
    encode: Callable[[str], str]
    key: str = ""
    is_name: bool = False
