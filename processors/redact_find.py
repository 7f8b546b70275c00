"""Asks what redaction would replace in what is stored, without keeping what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping

from processors.redact_rewrite import Rewriting
from processors.redact_scan import everything
from redaction.redactor import Redactor
from redaction.tally import NOTHING
from tracedata import Attributes


class Find:
    """``storage.redaction.Finder``: what changes is found. So what the policy keeps is not, and a placeholder neither."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def in_text(self, text: str, *, key: str) -> Mapping[str, int]:
        """See ``Finder``."""
        redacted = self._redactor.redact_text(text, key=key)
        return redacted.entities if redacted.text != text else NOTHING

    def in_attributes(self, attributes: Attributes) -> Mapping[str, Mapping[str, int]]:
        """See ``Finder``."""
        rewriting = Rewriting(self._redactor, everything())
        after = rewriting.attributes(attributes)
        return rewriting.tally.keys if after != attributes else {}
