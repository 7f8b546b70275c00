"""Logging: one line an event on standard error, and in a file when asked for; without data values.

Errors are told by their types and the way through the code. Their own texts are left out, because those of libraries
quote what they were given.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeAlias

import msgspec
from opentelemetry import trace

from tracedata import PermanentError

LogFormat: TypeAlias = Literal["auto", "json", "text"]

# Libraries that speak at every step.
_QUIET = ("uvicorn", "asyncio", "grpc", "httpcore", "httpx", "opentelemetry", "presidio-analyzer", "psycopg.pool")
_OURS = ("processors", "query", "receiver", "redaction", "relayscope", "storage", "tracedata")
# A line is written in one piece, so that the lines of several processes do not mix in one file.
_MAX_TEXT = 2_000
_MAX_STACK = 4_000

_ErrorInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error in the log: types from the error to its causes, and where it came from."""

    types: list[str]
    stack: str


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One JSON line of the log.

    ``role`` is the process's place (``supervisor``, ``api``, ``ingest-0``). ``event`` is the message without what was
    filled in, the same for every occurrence. The ids are those of the span of ours that was current.
    """

    time: str
    level: str
    logger: str
    role: str
    pid: int
    message: str
    event: str
    trace_id: str | None = None
    span_id: str | None = None
    error: Failure | None = None


def configure_logging(
    level: str, *, log_format: LogFormat = "text", file: Path | None = None, role: str = "command"
) -> None:
    """Sends log lines of at least ``level`` (debug, info, warning, error) to standard error.

    ``auto`` is text on a terminal and JSON elsewhere. ``file`` gets the same lines, always as JSON.

    Raises:
        PermanentError: the file cannot be written.
    """
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(TextFormatter(role) if is_text else JsonFormatter(role))
    handlers: list[logging.Handler] = [screen]
    if file is not None:
        handlers.append(_file_handler(file, role))
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _file_handler(file: Path, role: str) -> logging.Handler:
    try:
        # Opens the file anew when it was moved away, as logrotate does.
        handler = WatchedFileHandler(file, encoding="utf-8")
    except OSError as exc:
        raise PermanentError(
            f"cannot write the log file {file} ({exc.strerror}); choose another with service.logs.file"
        ) from exc
    handler.setFormatter(JsonFormatter(role))
    return handler


class JsonFormatter(logging.Formatter):
    """One ``LogLine`` as JSON."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        context = trace.get_current_span().get_span_context()
        line = LogLine(
            time=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            level=record.levelname.lower(),
            logger=record.name,
            role=self._role,
            pid=record.process or 0,
            message=_message(record),
            event=_bounded(str(record.msg), record),
            trace_id=trace.format_trace_id(context.trace_id) if context.is_valid else None,
            span_id=trace.format_span_id(context.span_id) if context.is_valid else None,
            error=_failure(record.exc_info) if record.exc_info else None,
        )
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """A line for people, with the stack of an error below it."""

    def __init__(self, role: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)-7s {role} %(name)s[%(process)d] %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        record.message = _message(record)
        return super().formatMessage(record)

    def formatException(self, ei: _ErrorInfo) -> str:  # noqa: N802 - the library's name
        failure = _failure(ei)
        return f"{failure.stack}{' from '.join(failure.types)}" if failure else ""


def _message(record: logging.LogRecord) -> str:
    return _bounded(record.getMessage(), record)


def _bounded(text: str, record: logging.LogRecord) -> str:
    """Our own texts whole. Of a library's only the first line: asyncio lists the contents of objects in the others."""
    if record.name.partition(".")[0] not in _OURS:
        text = text.partition("\n")[0]
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."


def _failure(info: _ErrorInfo) -> Failure | None:
    error = info[1]
    if error is None:
        return None
    stack = "".join(traceback.format_tb(error.__traceback__))
    return Failure(types=[type(cause).__qualname__ for cause in _causes(error)], stack=stack[-_MAX_STACK:])


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
