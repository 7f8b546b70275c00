"""YAML and JSON with the place of everything in it, so that what is wrong can be pointed at. Only plain documents: no anchors, no tags."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import yaml

from tracedata import CallerError

MAX_CHARS = 1_000_000
_MAX_DEPTH = 20
_MAX_PROBLEMS = 20
_TEXT_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "timestamp"))
_BOOL, _INT, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "null"))
_TRUE = frozenset(("true", "yes", "on"))
# Two escapes of JSON that are one character: YAML has another escape for it.
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)

Node: TypeAlias = yaml.ScalarNode | yaml.SequenceNode | yaml.MappingNode


class Place(NamedTuple):
    """Line and column in a file, from 1."""

    line: int
    column: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong at a place, in which rule, if it is in one."""

    line: int
    column: int
    reason: str
    rule: str = ""

    def told(self, source: str) -> str:
        """In one sentence."""
        where = f"{source}:{self.line}:{self.column}"
        return f"{where}: rule {self.rule}: {self.reason}" if self.rule else f"{where}: {self.reason}"


class RuleSetError(CallerError):
    """A rule set cannot be read. Its text tells of each problem, a line each."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda one: (one.line, one.column)))
        shown = [one.told(source) for one in self.problems[:_MAX_PROBLEMS]]
        if len(problems) > _MAX_PROBLEMS:
            shown.append(f"and {len(problems) - _MAX_PROBLEMS:,} more")
        super().__init__("\n".join(shown))


class Document:
    """A text with what is in it; readers add problems to it, and go on."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self.problems: list[Problem] = []
        # The rule that is being read.
        self.rule = ""

    def add(self, place: Place | Node, reason: str) -> None:
        """Notes a problem."""
        line, column = place if isinstance(place, Place) else place_of(place)
        self.problems.append(Problem(line=line, column=column, reason=reason, rule=self.rule))

    def fields(self, node: Node, *, what: str, known: Iterable[str], needed: Iterable[str] = ()) -> Mapping[str, Node]:
        """The members of a mapping by name; those that are not known, stand twice or are missing are problems."""
        if isinstance(node, yaml.ScalarNode) and node.tag == _NULL and not needed:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.add(node, f"{what} must be a mapping")
            return {}
        names = list(known)
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in names:
                self.add(key, f"{what}: unknown key {name!r}{_like(name, names)}; known are {', '.join(names)}")
            elif name in found:
                self.add(key, f"{what}: {name} stands twice")
            else:
                found[name] = value
        missing = [name for name in needed if name not in found]
        if missing:
            self.add(node, f"{what}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        return found

    def peek(self, node: Node, name: str) -> str:
        """The text of a member, before anything is checked; empty when there is none."""
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value == name and isinstance(value, yaml.ScalarNode):
                return str(value.value)
        return ""

    def items(self, node: Node | None, *, what: str) -> Sequence[Node]:
        """The items of a list."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.add(node, f"{what} must be a list")
            return []
        return list(node.value)

    def text(self, node: Node | None, *, what: str, most: int = 255) -> str:
        """A text, or a number as it is written. Empty after a problem."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _TEXT_TAGS:
            self.add(node, f"{what} must be a text")
            return ""
        if not 1 <= len(node.value) <= most or "\0" in node.value:
            self.add(node, f"{what} must have between 1 and {most:,} characters")
            return ""
        return str(node.value)

    def choice(self, node: Node | None, *, what: str, among: Sequence[str]) -> str:
        """One of some words. Empty after a problem."""
        found = self.text(node, what=what)
        if node is None or not found or found in among:
            return found
        self.add(node, f"{what} must be one of {', '.join(among)}{_like(found, among)}")
        return ""

    def boolean(self, node: Node | None, *, what: str, default: bool) -> bool:
        """True or false."""
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode) or node.tag != _BOOL:
            self.add(node, f"{what} must be true or false")
            return default
        return node.value.lower() in _TRUE

    def integer(self, node: Node | None, *, what: str, default: int) -> int:
        """A whole number of at most nine digits."""
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode) or not re.fullmatch(r"[+-]?\d{1,9}", node.value) or node.tag != _INT:
            self.add(node, f"{what} must be a whole number of at most nine digits")
            return default
        return int(node.value)

    def within(self, node: Node, *, line: int, column: int) -> Place | None:
        """Where the given place of a text stands in the file; None when the text is not written there as it is."""
        wanted = node.value.split("\n")[line - 1 : line]
        start = node.start_mark.line + line - 1
        # A block begins on the line below its mark, a text in quotes one column to the right.
        for number in (start, start + 1):
            if wanted and wanted[0] and number < len(self._lines):
                place = self._lines[number].find(
                    wanted[0], node.start_mark.column if number == node.start_mark.line else 0
                )
                if place >= 0:
                    return Place(number + 1, place + column)
        return None


def read_document(text: str, *, source: str) -> tuple[Document, Node]:
    """The document, and its root.

    Raises:
        RuleSetError: it is neither YAML nor JSON, too large, too deep, or not plain.
    """
    if len(text) > MAX_CHARS:
        raise RuleSetError(source, [_problem(1, 1, f"a rule set has at most {MAX_CHARS:,} characters")])
    document = Document(text)
    text = _as_yaml(text.removeprefix("\ufeff"))
    try:
        _check(text, source)
        root: Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)  # type: ignore[assignment]  # there are three kinds of nodes
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise RuleSetError(source, [_problem(line, column, exc.problem or "it is not YAML")]) from exc
    except (yaml.YAMLError, UnicodeError) as exc:
        raise RuleSetError(source, [_problem(1, 1, "it has a character that YAML does not allow")]) from exc
    if root is None:
        raise RuleSetError(source, [_problem(1, 1, "there is nothing in it")])
    return document, root


def place_of(node: Node) -> Place:
    """Where it begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _as_yaml(text: str) -> str:
    """JSON as YAML reads it: a tab between its parts is a space, and a pair of surrogates the character that it is."""
    if not text.lstrip().startswith("{"):
        return text

    def joined(found: re.Match[str]) -> str:
        high, low = int(found[2], 16), int(found[3], 16)
        return f"{found[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"

    return _SURROGATES.sub(joined, text.replace("\t", " "))


def _check(text: str, source: str) -> None:
    """Refuses what a small text can make large, before anything is made of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise RuleSetError(source, [_problem(*place, "anchors and aliases are not allowed")])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise RuleSetError(source, [_problem(*place, "it is nested too deeply")])


def _problem(line: int, column: int, reason: str) -> Problem:
    return Problem(line=line, column=column, reason=reason)


def _like(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f" (is {close[0]} meant?)" if close else ""
