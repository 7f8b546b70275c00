"""Asks a redactor what it would replace in what is stored, without keeping what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from tracedata import Attributes


class Replacement(Protocol):
    """A text after redaction, and what was replaced."""

    @property
    def text(self) -> str: ...

    @property
    def entities(self) -> Mapping[str, int]: ...


class KeyCounts(Protocol):
    """What was replaced, by attribute key and entity."""

    @property
    def keys(self) -> Mapping[str, Mapping[str, int]]: ...


TallyT = TypeVar("TallyT", bound=KeyCounts)
_TallyT_contra = TypeVar("_TallyT_contra", contravariant=True)


class TextRedactor(Protocol[_TallyT_contra]):
    """The part of a redactor that is asked."""

    def redact_text(self, text: str, *, key: str = "") -> Replacement: ...

    def redact_attributes(self, attributes: Attributes, tally: _TallyT_contra) -> Attributes: ...


class RedactorFinder(Generic[TallyT]):
    """``storage.redaction.Finder``: what changes is found. So what a policy keeps is not, and a placeholder neither."""

    def __init__(self, redactor: TextRedactor[TallyT], *, make_tally: Callable[[], TallyT]) -> None:
        self._redactor = redactor
        self._make_tally = make_tally

    def in_text(self, text: str, *, key: str) -> Mapping[str, int]:
        """See ``Finder``."""
        replaced = self._redactor.redact_text(text, key=key)
        return replaced.entities if replaced.text != text else {}

    def in_attributes(self, attributes: Attributes) -> Mapping[str, Mapping[str, int]]:
        """See ``Finder``."""
        tally = self._make_tally()
        after = self._redactor.redact_attributes(attributes, tally)
        return tally.keys if after is not attributes else {}
