"""Files of OTLP/JSON, taken apart into what can be sent: one request a line, one over many lines, or an array of requests.

Source: https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/. Only the outer objects are read here: what is in
spans and log records is the receiver's to judge.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from receiver.repair import mended_json

Signal: TypeAlias = Literal["traces", "logs"]
_T = TypeVar("_T")

# One document, or line, is in memory as a whole.
MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
# What is larger goes in several requests.
MAX_PART_BYTES = 1024 * 1024
MAX_PART_ITEMS = 2_000
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"
# A text, which hides what is in it, or a bracket. A text without its end hides the rest of the line. Nothing is tried twice:
# what could be would take a hundred bytes of memory for each character of a text.
_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_NULL = msgspec.Raw(b"null")


class Part(NamedTuple):
    """An element of ``resourceSpans`` or ``resourceLogs``, or a piece of one, and the line where its request begins."""

    signal: Signal
    entry: bytes
    items: int
    place: str


class Fault(NamedTuple):
    """What is left out, and why."""

    place: str
    reason: str


class _Spans(msgspec.Struct, rename="camel"):
    scope: msgspec.Raw = _NULL
    spans: list[msgspec.Raw] | None = None
    schema_url: msgspec.Raw = _NULL


class _LogRecords(msgspec.Struct, rename="camel"):
    scope: msgspec.Raw = _NULL
    log_records: list[msgspec.Raw] | None = None
    schema_url: msgspec.Raw = _NULL


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = _NULL
    scope_spans: list[_Spans] | None = None
    schema_url: msgspec.Raw = _NULL


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = _NULL
    scope_logs: list[_LogRecords] | None = None
    schema_url: msgspec.Raw = _NULL


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[msgspec.Raw] | None = None
    resource_logs: list[msgspec.Raw] | None = None


_request = msgspec.json.Decoder(_Request).decode
_requests = msgspec.json.Decoder(list[_Request]).decode
_resource_spans = msgspec.json.Decoder(_ResourceSpans).decode
_resource_logs = msgspec.json.Decoder(_ResourceLogs).decode
_encode = msgspec.json.Encoder().encode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def parts_of(file: BufferedReader, name: str, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> Iterator[Part | Fault]:
    """What is in a file, compressed with gzip or not. After a fault, what follows it goes on, unless that was too large."""
    source: gzip.GzipFile | BufferedReader = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP else file
    reading = _Reading(name, max_bytes=max_bytes)
    try:
        while line := source.readline(max_bytes):
            yield from reading.take(line)
            if reading.is_hopeless:
                return
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield Fault(reading.place, "the compressed data are damaged, or end too early; what came before them was read")
    yield from reading.end()


class _Reading:
    """Lines of one file. A request that does not end on its line is kept until it does."""

    def __init__(self, name: str, *, max_bytes: int) -> None:
        self._name = name
        self._max_bytes = max_bytes
        self._line = 0
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._begun = 0
        self._depth = 0
        self.is_hopeless = False

    @property
    def place(self) -> str:
        """Where reading stands."""
        return f"{self._name}:{self._line}"

    def take(self, line: bytes) -> Iterator[Part | Fault]:
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(_MARK)
        if len(line) >= self._max_bytes:
            # Such as /dev/zero. What follows is no line but the rest of this one.
            self._begun = self._begun if self._kept else self._line
            yield self._too_large()
            return
        if not line.strip():
            return
        if not self._kept:
            yield from self._alone(line)
            return
        if self._kept[0].lstrip()[:1] == b"{" and (found := _whole(line)) is not None:
            # A whole request never stands inside another one: the one before was cut off.
            yield self._cut_off()
            yield from self._found(found)
            return
        yield from self._continued(line)

    def end(self) -> Iterator[Fault]:
        """What is left when the file ends."""
        if self._kept:
            yield self._cut_off()

    def _alone(self, line: bytes) -> Iterator[Part | Fault]:
        self._begun = self._line
        if (found := _whole(line)) is not None:
            yield from self._found(found)
            return
        self._depth = 0
        if line.lstrip()[:1] in {b"{", b"["}:
            yield from self._continued(line)
            return
        yield Fault(self.place, "is not JSON")

    def _continued(self, line: bytes) -> Iterator[Part | Fault]:
        self._kept.append(line)
        self._kept_bytes += len(line)
        self._depth += _depth(line)
        if self._kept_bytes >= self._max_bytes:
            yield self._too_large()
        elif self._depth <= 0:
            document = b"".join(self._kept)
            self._forget()
            yield from self._document(document)

    def _document(self, document: bytes) -> Iterator[Part | Fault]:
        try:
            is_array = document.lstrip()[:1] == b"["
            requests = _read(_requests, document) if is_array else [_read(_request, document)]
        except _UNREADABLE as exc:
            yield Fault(self._begin, _why(exc))
            return
        for request in requests:
            yield from self._found(request)

    def _found(self, request: _Request) -> Iterator[Part | Fault]:
        spans, logs = request.resource_spans, request.resource_logs
        if spans is None and logs is None:
            yield Fault(self._begin, "has neither resourceSpans nor resourceLogs")
        for raw in spans or ():
            yield from self._parts("traces", bytes(raw))
        for raw in logs or ():
            yield from self._parts("logs", bytes(raw))

    def _parts(self, signal: Signal, entry: bytes) -> Iterator[Part | Fault]:
        try:
            pieces = _spans_in(entry) if signal == "traces" else _log_records_in(entry)
        except _UNREADABLE as exc:
            yield Fault(self._begin, _why(exc))
            return
        for piece, items in pieces:
            yield Part(signal=signal, entry=piece, items=items, place=self._begin)

    @property
    def _begin(self) -> str:
        return f"{self._name}:{self._begun}"

    def _too_large(self) -> Fault:
        self.is_hopeless = True
        self._forget()
        return Fault(self._begin, f"is larger than {self._max_bytes >> 20} MiB; the rest of the file is left out")

    def _cut_off(self) -> Fault:
        fault = Fault(self._begin, "ends before it is whole")
        self._forget()
        self._begun = self._line
        return fault

    def _forget(self) -> None:
        self._kept = []
        self._kept_bytes = 0
        self._depth = 0


def _whole(line: bytes) -> _Request | None:
    """The request that a line is; a line of any other JSON is none."""
    if line.lstrip()[:1] != b"{":
        return None
    try:
        found = _request(line)
    except _UNREADABLE:
        return None
    # An object over many lines has lines that are objects, too.
    return None if found.resource_spans is None and found.resource_logs is None else found


def _read(decode: Callable[[bytes], _T], document: bytes) -> _T:
    """What the receiver mends is not refused here: half a surrogate pair, NaN, and values that are nested without end."""
    try:
        return decode(document)
    except msgspec.ValidationError:
        raise
    except _UNREADABLE:
        return decode(mended_json(document))


def _depth(line: bytes) -> int:
    depth = 0
    for match in _BRACKET.finditer(line):
        mark = match[0][:1]
        if mark != b'"':
            depth += 1 if mark in b"[{" else -1
    return depth


def _why(error: Exception) -> str:
    """The library's sentence names a path and a type, never a value."""
    if isinstance(error, msgspec.ValidationError):
        return f"is no OTLP: {str(error)[:1].lower()}{str(error)[1:]}"
    return "is not JSON in UTF-8"


def _spans_in(entry: bytes) -> Sequence[tuple[bytes, int]]:
    found = _resource_spans(entry)
    scopes = found.scope_spans or []
    if _fits(entry, [scope.spans for scope in scopes]):
        return [(entry, sum(len(scope.spans or ()) for scope in scopes))]
    return [
        (
            _encode(_ResourceSpans(found.resource, [_Spans(scope.scope, few, scope.schema_url)], found.schema_url)),
            len(few),
        )
        for scope in scopes
        for few in _few(scope.spans or [])
    ]


def _log_records_in(entry: bytes) -> Sequence[tuple[bytes, int]]:
    found = _resource_logs(entry)
    scopes = found.scope_logs or []
    if _fits(entry, [scope.log_records for scope in scopes]):
        return [(entry, sum(len(scope.log_records or ()) for scope in scopes))]
    return [
        (
            _encode(_ResourceLogs(found.resource, [_LogRecords(scope.scope, few, scope.schema_url)], found.schema_url)),
            len(few),
        )
        for scope in scopes
        for few in _few(scope.log_records or [])
    ]


def _fits(entry: bytes, lists: Sequence[Sequence[msgspec.Raw] | None]) -> bool:
    return len(entry) <= MAX_PART_BYTES and sum(len(items or ()) for items in lists) <= MAX_PART_ITEMS


def _few(items: Sequence[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    """The items, so many at a time as fit; one that does not fit by itself goes by itself."""
    few: list[msgspec.Raw] = []
    size = 0
    for item in items:
        length = memoryview(item).nbytes
        if few and (size + length > MAX_PART_BYTES or len(few) >= MAX_PART_ITEMS):
            yield few
            few, size = [], 0
        few.append(item)
        size += length
    if few:
        yield few
