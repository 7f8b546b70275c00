"""Values that senders took apart into dotted keys with indices, put together again."""

from __future__ import annotations

from collections.abc import Mapping

from tracedata import Attributes

_MAX_DEPTH = 12
# Numbers of an embedding are no text, and there are thousands of them.
_SKIPPED = (".vector",)


def gathered(attributes: Attributes, prefix: str) -> object:
    """What stands below ``prefix``; a list where keys are indices, whatever the first of them is. None when nothing does.

    Directly below the prefix, only indices count when there are any: ``gen_ai.prompt.name`` is none of ``gen_ai.prompt.N``.
    """
    start = len(prefix) + 1
    dotted = f"{prefix}."
    tree: dict[str, object] = {}
    for key, value in attributes.items():
        if key.startswith(dotted) and value is not None and not key.endswith(_SKIPPED):
            _put(tree, key[start:].split("."), value)
    return _listed(tree, is_top=True) if tree else None


def _put(tree: dict[str, object], steps: list[str], value: object) -> None:
    if len(steps) > _MAX_DEPTH:
        return
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            # A plain value has the same key: OpenInference writes both content and contents, but never this.
            return
        tree = below
    tree.setdefault(steps[-1], value)


def _listed(tree: object, *, is_top: bool = False) -> object:
    if not isinstance(tree, dict):
        return tree
    numbered = {int(key): value for key, value in tree.items() if key.isdecimal() and len(key) < 9}
    if numbered and (is_top or len(numbered) == len(tree)):
        return [_listed(numbered[index]) for index in sorted(numbered)]
    if is_top and not _has_plain(tree):
        return None
    return {key: _listed(value) for key, value in tree.items()}


def _has_plain(tree: Mapping[str, object]) -> bool:
    return any(not isinstance(value, dict) for value in tree.values())
