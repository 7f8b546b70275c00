"""The way of a user's SQL through the guard: text in, text out that may be sent as it is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from google.protobuf.message import DecodeError, Message
from postgast import ParseResult, PgQueryError, parse

from query.guard.position import Splice, SqlRefusal, character_at, original_offset, spliced
from query.guard.rewriting import rewritten
from query.guard.verdict import Judge, Verdict, opened
from query.place import Place, place_at

# The parser descends once for each operator, in C: a statement of many kilobytes could use up its stack.
MAX_SQL_BYTES = 16_384
_TOO_DEEP = "the query is nested too deeply"


class Guarded(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that may run. ``text`` is what is sent, ``original`` what the user wrote."""

    text: str
    original: str
    splices: Sequence[Splice] = ()

    def place_of(self, offset: int | None) -> Place | None:
        """Where in the user's text a character of ``text`` stood."""
        return None if offset is None else place_at(self.original, original_offset(offset, self.splices))


def check_sql(sql: str, parameters: Sequence[object] = ()) -> Guarded:
    """Lets one SELECT through that is made of what is on the lists, and makes it use the indexes.

    Raises:
        SqlRefusal: it is anything else; the message and its place say what.
    """
    text, verdict = _judged(sql, parameter_count=len(parameters))
    splices = rewritten(text, verdict, parameters)
    if not splices:
        return Guarded(text=text, original=sql)
    # What is sent is what was judged, whatever was put into it.
    changed, _ = _judged(spliced(text, splices), parameter_count=len(parameters))
    return Guarded(text=changed, original=sql, splices=splices)


def _judged(sql: str, *, parameter_count: int) -> tuple[str, Verdict]:
    """The one statement of a text, without what separates it from others."""
    data = _encoded(sql)
    parsed = _parsed(sql, data)
    if len(parsed.stmts) != 1:
        raise _not_one(sql, data, parsed)
    (raw,) = parsed.stmts
    end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(data)
    statement: Message = opened(raw.stmt)
    verdict = Judge(sql, parameter_count=parameter_count).judge(statement)
    return data[:end].decode(), verdict


def _encoded(sql: str) -> bytes:
    # The parser would read up to the NUL only.
    if "\0" in sql:
        raise SqlRefusal("the query has a NUL in it", place=place_at(sql, sql.index("\0")))
    try:
        data = sql.encode()
    except UnicodeEncodeError as exc:
        raise SqlRefusal("the query is not text in UTF-8", place=place_at(sql, exc.start)) from exc
    if len(data) > MAX_SQL_BYTES:
        raise SqlRefusal(f"the query is longer than {MAX_SQL_BYTES:,} bytes; long values can be parameters")
    return data


def _parsed(sql: str, data: bytes) -> ParseResult:
    try:
        return parse(sql)
    except PgQueryError as exc:
        message = _TOO_DEEP if exc.message.startswith("memory exhausted") else exc.message
        place = place_at(sql, character_at(data, exc.cursorpos - 1)) if exc.cursorpos else None
        raise SqlRefusal(message, place=place) from exc
    except (DecodeError, RecursionError) as exc:
        raise SqlRefusal(_TOO_DEEP) from exc


def _not_one(sql: str, data: bytes, parsed: ParseResult) -> SqlRefusal:
    if not parsed.stmts:
        return SqlRefusal("there is no query")
    second = parsed.stmts[1].stmt_location
    # The place of a statement includes the blanks before it.
    second += len(data[second:]) - len(data[second:].lstrip())
    return SqlRefusal("only one statement is possible", place=place_at(sql, character_at(data, second)))
