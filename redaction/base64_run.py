"""Runs of base64 inside text that say something."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import partial

from redaction.layer import Layer

# In base64 of ASCII every byte's first bit is 0, which leaves half of the alphabet for the first, second and third of four
# characters. Sixteen of them in a row are base64 of text, and hardly ever an id, a path or a digest.
_BASE64_OF_ASCII = b"[A-Za-f][%b][%b][A-Za-z0-9+/_\\-]" % (
    b"ABCDEFGHQRSTUVWXghijklmnwxyz0123",
    b"ABEFIJMNQRUVYZcdghklopstwx014589",
)
BASE64_TRIGGER = b"(?:^|[^A-Za-z0-9+_\\-])(?:" + _BASE64_OF_ASCII + b"){4}"

# Nothing behind a run makes it fail, so each of them is read once.
_RUN = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{16,}+={0,2}+")
_PART = re.compile(r"[A-Za-z0-9+_\-]{16,}+={0,2}+")
# What stands before an image. One of text (SVG) is looked into.
_IMAGE = re.compile(r"data:image/(?!svg)[\w.+-]{1,40}(?:;[\w=.+-]{1,40})?;base64,\Z")
_IMAGE_CHARS = 110
# Of so many characters one may be no sign of a text: a NUL between two of them, or a byte of something else.
_MIN_SIGNS_FOR_ONE = 4
_LOOKS_ENCODED = re.compile(r"[a-z][^a-z]*[A-Z]|[A-Z][^A-Z]*[a-z]")


def base64_layers(text: str) -> Iterator[Layer]:
    """The runs that are text, in order."""
    for match in _RUN.finditer(text):
        if text.endswith(";base64,", 0, match.start()) and _IMAGE.search(
            text[max(0, match.start() - _IMAGE_CHARS) : match.start()]
        ):
            continue
        layer = None if _is_mixed(match[0]) else _base64_layer(match)
        if layer is not None:
            yield layer
        elif "/" in match[0]:
            # A path, of which a part may be base64.
            parts = (_base64_layer(part) for part in _PART.finditer(text, match.start(), match.end()))
            yield from (part for part in parts if part is not None)


def _is_mixed(run: str) -> bool:
    """Whether the run has signs of both alphabets, and so is not one value."""
    return ("+" in run or "/" in run) and ("_" in run or "-" in run)


def _base64_layer(match: re.Match[str]) -> Layer | None:
    run = match[0]
    decoded = _base64_text(run)
    if decoded is None:
        return None
    is_url_safe = "-" in run or "_" in run
    encode = partial(_base64_of, is_url_safe=is_url_safe, is_padded=run.endswith("=") or len(run) % 4 == 0)
    return Layer(start=match.start(), end=match.end(), text=decoded, encode=encode)


def _base64_text(run: str) -> str | None:
    """What the run says; None when it is something else, such as a hash, a name, or bytes."""
    bare = run.rstrip("=")
    if len(bare) % 4 == 1 or _LOOKS_ENCODED.search(bare) is None:
        return None
    try:
        data = base64.b64decode(bare.translate({45: "+", 95: "/"}) + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    text = data.decode(errors="surrogateescape")
    return text if _is_text(text) else None


def _is_text(text: str) -> bool:
    """Whether it is by and large."""
    if text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        return True
    odd = sum(not character.isprintable() and not character.isspace() for character in text)
    return odd * _MIN_SIGNS_FOR_ONE <= len(text)


def _base64_of(text: str, *, is_url_safe: bool, is_padded: bool) -> str:
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        data = text.encode(errors="replace")
    encoded = (base64.urlsafe_b64encode(data) if is_url_safe else base64.b64encode(data)).decode()
    return encoded if is_padded else encoded.rstrip("=")
