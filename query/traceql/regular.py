"""Regular expressions of Go (RE2), as far as PostgreSQL has the same, and no further.

What differs is translated or refused: PostgreSQL also knows references and looking around, which take unbounded time, and
reads some escapes in another way. Expressions are anchored at both ends, and ``.`` matches any character, as in Tempo.
"""

from __future__ import annotations

import re

MAX_CHARS = 500
_MAX_REPEAT = 255
_MAX_PRODUCT = 1_000
# PostgreSQL writes repetitions out, and takes up to the cube of what that comes to. Groups with something optional in them
# are the worst: of 300 characters in one that is repeated, it thought for more than 15 s before it looked at any text.
_MAX_SIZE = 1_000
_MAX_GROUP_SIZE = 300
# Of all such groups together.
_MAX_LOOSE_SIZE = 60

_TOO_LARGE = "repeats a group that comes to more than {bound} characters when it is written out"

_FLAGS = re.compile(r"\(\?([is]+)\)")
_GROUP = re.compile(r"\((?!\?)|\(\?:")
_REPEAT = re.compile(r"\{(\d{1,4})(,(\d{0,4}))?\}")
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_CLASS_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_POSIX = re.compile(r"\[:(\^?)([a-z]+):\]")
_POSIX_NAMES = frozenset("alnum alpha blank cntrl digit graph lower print punct space upper xdigit".split())
_ESCAPES = {"A": r"\A", "z": r"\Z", "b": r"\y", "B": r"\Y"}
_ALIKE = "dDwWsSntrfv"


class RegexError(ValueError):
    """An expression that we do not run; the message continues a sentence about it."""


def to_postgres(pattern: str) -> str:
    """The expression for PostgreSQL's ``~``, which holds when ``pattern`` matches the whole text.

    Raises:
        RegexError: it is none, too long, or uses what PostgreSQL does not have in the same way.
    """
    if len(pattern) > MAX_CHARS:
        raise RegexError(f"has more than {MAX_CHARS} characters")
    flags = ""
    if (found := _FLAGS.match(pattern)) is not None:
        flags = "(?i)" if "i" in found[1] else ""
        pattern = pattern[found.end() :]
    return f"{flags}^(?:{_Translation(pattern).text})$"


class _Translation:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        # How often what each open group holds is repeated at most, found when the group ends.
        self._depth = 0
        self._weights = [1]
        # How many characters each open group asks for when its repetitions are written out, and the last thing in it.
        self._sizes = [0]
        self._last_size = 0
        # Whether something in the group is optional.
        self._loose = [False]
        self._last_is_loose = False
        self._loose_size = 0
        parts: list[str] = []
        while self._position < len(pattern):
            parts.append(self._next())
        if self._depth:
            raise RegexError("has a parenthesis that is not closed")
        self.text = "".join(parts)

    def _next(self) -> str:
        character = self._pattern[self._position]
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._class()
        if character == "(":
            return self._open()
        if character == ")":
            return self._close()
        if character == "{":
            return self._repeat()
        self._position += 1
        if character in "*+?":
            self._check_repeatable()
            self._loose[-1] |= character != "+"
            return character + self._lazy()
        self._count(1)
        return "\\}" if character == "}" else "\\]" if character == "]" else character

    def _lazy(self) -> str:
        if self._pattern[self._position : self._position + 1] == "?":
            self._position += 1
        if self._pattern[self._position : self._position + 1] in ("*", "+", "?", "{"):
            raise RegexError("repeats a repetition")
        # Whether the whole text matches does not depend on greed.
        return ""

    def _check_repeatable(self) -> None:
        before = self._pattern[: self._position - 1]
        if not before or re.search(r"(?<!\\)(?:\\\\)*[(|^]$|\(\?:$", before):
            raise RegexError("repeats nothing")

    def _escape(self) -> str:
        following = self._pattern[self._position + 1 : self._position + 2]
        self._position += 2
        self._count(1)
        if following in _ESCAPES:
            return _ESCAPES[following]
        if following and (following in _ALIKE or not (following.isalnum() and following.isascii())):
            return f"\\{following}"
        raise RegexError(f"uses `\\{following}`, which is not supported")

    def _class(self) -> str:
        found = _CLASS.match(self._pattern, self._position)
        if found is None:
            raise RegexError("has a bracket that is not closed")
        self._position = found.end()
        self._count(1)
        for negated, name in _POSIX.findall(found[0]):
            if negated or name not in _POSIX_NAMES:
                raise RegexError(f"uses the class `[:{negated}{name}:]`, which is not supported")
        inner = _POSIX.sub("", found[0][1:-1])
        if "[." in inner or "[=" in inner or "[:" in inner:
            raise RegexError("uses a bracket in brackets, which is not supported; write `\\[`")
        for escaped in _CLASS_ESCAPE.findall(inner):
            if escaped not in "dws" + "ntrfv" and escaped.isalnum():
                raise RegexError(f"uses `\\{escaped}` in brackets, which is not supported")
        return found[0]

    def _open(self) -> str:
        found = _GROUP.match(self._pattern, self._position)
        if found is None:
            raise RegexError("uses a group that is not supported; `(...)`, `(?:...)` and a leading `(?i)` are")
        self._position = found.end()
        self._depth += 1
        self._weights.append(1)
        self._sizes.append(0)
        self._loose.append(False)
        return "(?:"

    def _close(self) -> str:
        if not self._depth:
            raise RegexError("closes a parenthesis that is not open")
        self._position += 1
        self._depth -= 1
        inside = self._weights.pop()
        is_loose = self._loose.pop()
        self._loose[-1] |= is_loose
        self._count(self._sizes.pop(), is_loose=is_loose)
        times = 1
        if (found := _REPEAT.match(self._pattern, self._position)) is not None:
            times = max(int(found[3] or found[1]), 1)
        self._weigh(inside * times)
        return ")"

    def _repeat(self) -> str:
        found = _REPEAT.match(self._pattern, self._position)
        if found is None:
            self._position += 1
            self._count(1)
            return "\\{"
        self._position += 1
        self._check_repeatable()
        least, most = int(found[1]), int(found[3] or found[1])
        if most < least or most > _MAX_REPEAT:
            raise RegexError(f"repeats more than {_MAX_REPEAT} times, or fewer times at most than at least")
        self._position = found.end()
        self._weigh(max(most, 1))
        self._write_out(max(most, 1))
        self._loose[-1] |= not least
        return found[0] + self._lazy()

    def _weigh(self, times: int) -> None:
        self._weights[-1] = max(self._weights[-1], times)
        if times > _MAX_PRODUCT:
            raise RegexError(f"repeats a repetition more than {_MAX_PRODUCT} times")

    def _count(self, size: int, *, is_loose: bool = False) -> None:
        self._sizes[-1] += size
        self._last_size = size
        self._last_is_loose = is_loose
        if self._sizes[-1] > _MAX_SIZE:
            raise RegexError(f"comes to more than {_MAX_SIZE} characters when its repetitions are written out")

    def _write_out(self, times: int) -> None:
        """Repeats the last thing."""
        size = self._last_size * times
        is_loose = self._last_is_loose
        if self._last_size > 1 and size > _MAX_GROUP_SIZE:
            raise RegexError(_TOO_LARGE.format(bound=_MAX_GROUP_SIZE))
        if is_loose:
            self._loose_size += size
        if self._loose_size > _MAX_LOOSE_SIZE:
            raise RegexError(_TOO_LARGE.format(bound=_MAX_LOOSE_SIZE))
        self._sizes[-1] -= self._last_size
        self._count(size, is_loose=is_loose)
