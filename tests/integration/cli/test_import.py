"""``relayscope import``, against a receiver that does not always take what it gets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from relayscope.cli import importing
from tests.support.api_server import closed_url
from tests.support.scripted_receiver import names_in, receiving
from tracedata import CallerError, PermanentError, RelayscopeError, RetryableError


def run(*arguments: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    app = typer.Typer()
    importing.register(app)
    result = CliRunner().invoke(app, [*arguments], input=stdin, env={"COLUMNS": "200", "NO_COLOR": "1"})
    if isinstance(result.exception, RelayscopeError):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def line(*names: str) -> bytes:
    return (
        json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": name} for name in names]}]}]}).encode()
        + b"\n"
    )


RECORD = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"eventName": "log"}]}]}]}).encode() + b"\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_bytes(line("a1", "a2") + RECORD + line("a3"))
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(line("b1")))
    return tmp_path


def test_sends_what_is_in_files_of_both_signals(files: Path) -> None:
    with receiving() as received:
        code, out, err = run(str(files / "*.json*"), "--endpoint", received.url)
    assert (code, err) == (0, "")
    assert out == "4 spans and 1 log records of 2 files are stored.\n"
    assert sorted(received.taken) == [("/v1/logs", ["log"]), ("/v1/traces", ["a1", "a2", "a3", "b1"])]


def test_reads_standard_input_and_sums_up_as_json() -> None:
    with receiving() as received:
        code, out, _ = run("-", "--json", "--endpoint", received.url, stdin=gzip.compress(line("x")))
    assert code == 0
    assert json.loads(out) == {"files": 1, "spans": 1, "logRecords": 0, "refused": 0, "faults": 0}
    assert received.names == ["x"]


def test_asks_a_busy_receiver_again(files: Path) -> None:
    answers: list[Any] = [(503, {"retry-after": "1"}, {}), (429, {}, {}), (502, {}, {})]
    with receiving(lambda _: answers.pop() if answers else None) as received:
        code, _, _ = run(str(files / "a.jsonl"), "--endpoint", received.url)
    assert code == 0
    assert received.names == ["a1", "a2", "a3", "log"]
    assert received.tries == 5


def test_gives_up_on_a_receiver_that_stays_busy(files: Path) -> None:
    with (
        receiving(lambda _: (503, {}, {})) as received,
        pytest.raises(RetryableError, match="run the same command again"),
    ):
        run(str(files / "a.jsonl"), "--endpoint", received.url, "--patience", "0.5")


def test_what_is_too_large_goes_in_halves(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"".join(line(f"n{number}") for number in range(20)))
    with receiving(lambda sent: (413, {}, {"message": "too large"}) if len(names_in(sent)) > 3 else None) as received:
        code, _, _ = run(str(path), "--endpoint", received.url)
    assert code == 0
    assert received.names == sorted(f"n{number}" for number in range(20))


@pytest.mark.parametrize(
    "refusal",
    [
        (400, {}, {"message": "the id is none"}),
        (200, {}, {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "the id is none"}}),
    ],
    ids=["whole", "partial"],
)
def test_names_the_line_of_what_is_refused_and_sends_its_neighbours(tmp_path: Path, refusal: Any) -> None:  # noqa: ANN401 - JSON
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"".join(line(f"n{number}") for number in range(5)) + line("bad") + line("last"))
    with receiving(lambda sent: refusal if "bad" in names_in(sent) else None) as received:
        code, out, err = run(str(path), "--endpoint", received.url)
    assert code == 1
    assert f"{path}:6: 1 of 1 spans were refused: the id is none" in err
    assert "1 were refused; something was left out at 1 places." in err
    assert out.startswith("6 spans")
    assert {"n0", "n1", "n2", "n3", "n4", "last"} <= set(received.names)


def test_a_bad_line_does_not_keep_the_others_back(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    # The hundredth line: its number between colons is the name of an emoji.
    path.write_bytes(line("a") + b"\n" * 98 + b"nonsense\n" + line("b"))
    with receiving() as received:
        code, _, err = run(str(path), "--endpoint", received.url)
    assert (code, received.names) == (1, ["a", "b"])
    assert f"{path}:100: is not JSON" in err


def test_needs_a_receiver_of_otlp(files: Path) -> None:
    with pytest.raises(RetryableError, match="Nothing answers at"):
        run(str(files / "a.jsonl"), "--endpoint", closed_url())
    with receiving(lambda _: (404, {}, {})) as received, pytest.raises(PermanentError, match="OTLP/HTTP endpoint"):
        run(str(files / "a.jsonl"), "--endpoint", received.url)


@pytest.mark.parametrize("name", ["missing.json", "*.nothing", "."])
def test_refuses_what_is_no_file(files: Path, name: str) -> None:
    with pytest.raises(CallerError, match=r"no such file|named so|is a folder"):
        run(str(files / name))
