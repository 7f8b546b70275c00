"""Attribute predicates as text: ``key:value`` and, as Jaeger's clients send them, a JSON map."""

from __future__ import annotations

import msgspec

from storage.api import Tag
from tracedata import CallerError


def parse_tag(text: str) -> Tag:
    """``key:value``; the first colon separates them.

    Raises:
        CallerError: there is no colon. The words are Jaeger's.
    """
    key, colon, value = text.partition(":")
    if not colon:
        raise CallerError(f"malformed 'tag' parameter, expecting key:value, received: {text}")
    return Tag(key=key, value=value)


def parse_tags(text: str) -> list[Tag]:
    """A JSON object of strings, one predicate a member.

    Raises:
        CallerError: it is not JSON, not an object, or a value is not a string. The words are Jaeger's.
    """
    try:
        members = msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as exc:
        raise CallerError(f"malformed 'tags' parameter, cannot unmarshal JSON: {exc}") from exc
    return [Tag(key=key, value=value) for key, value in members.items()]
