from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from relayscope.log import configure_logging
from tracedata import PermanentError

_CANARY = "canary.4f1d@example.com"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """pytest's own handlers, put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail() -> None:
    try:
        int(_CANARY)
    except ValueError as exc:
        raise KeyError(_CANARY) from exc


def log_failure(name: str) -> None:
    try:
        fail()
    except KeyError:
        logging.getLogger(name).exception("it fails")


def test_a_line_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", log_format="json", role="ingest-0")
    logging.getLogger("relayscope.x").warning("%s of %s", 1, 2)
    (line,) = lines(capsys)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning", "logger": "relayscope.x", "role": "ingest-0", "pid": os.getpid(),
        "message": "1 of 2", "event": "%s of %s",
    }  # fmt: skip


def test_ids_of_the_current_span(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", log_format="json")
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("s") as span:
        logging.getLogger("relayscope").info("hello")
    (line,) = lines(capsys)
    context = span.get_span_context()
    assert line["trace_id"] == trace.format_trace_id(context.trace_id)
    assert line["span_id"] == trace.format_span_id(context.span_id)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_errors_are_told_without_their_text(log_format: Any, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ANN401 - a literal
    configure_logging("info", log_format=log_format)
    log_failure("uvicorn.error")
    out = capsys.readouterr().err
    assert _CANARY not in out
    for part in ("it fails", "KeyError", "ValueError", "log_failure"):
        assert part in out


def test_of_a_library_only_the_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", log_format="json")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: %s", _CANARY)
    (line,) = lines(capsys)
    assert line["message"] == line["event"] == "Task exception was never retrieved"


def test_libraries_that_chatter_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", log_format="json")
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("grpc._cython").warning("odd")
    assert [line["message"] for line in lines(capsys)] == ["odd"]


def test_auto_is_json_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", log_format="auto")
    logging.getLogger("relayscope").info("hello")
    assert lines(capsys)[0]["message"] == "hello"


def test_a_file_gets_json_and_may_be_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log"
    configure_logging("info", log_format="text", file=file, role="api")
    logger = logging.getLogger("relayscope")
    logger.info("one")
    file.rename(tmp_path / "log.1")
    logger.info("two")
    assert json.loads((tmp_path / "log.1").read_text())["message"] == "one"
    assert json.loads(file.read_text())["message"] == "two"
    assert " api relayscope[" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"service\.logs\.file"):
        configure_logging("info", file=tmp_path / "no" / "log")


def test_a_long_line_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", log_format="json")
    logging.getLogger("relayscope").info("x" * 100_000)
    assert len(capsys.readouterr().err) < 8_192
