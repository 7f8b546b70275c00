"""Commands under a shell's hands: odd words, outputs that are closed or full, an interrupt at once."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.api_server import serving
from tests.support.canned_reader import CannedReader, edge, node
from tests.support.system import command, environment, run

_TIMEOUT_S = 30.0


def _in_shell(words: str, redirection: str) -> subprocess.CompletedProcess[str]:
    script = f"{shlex.join(command())} {words} {redirection}"
    return subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        pytest.param(">/dev/full", "No space left on device", id="full"),
        pytest.param(">&-", "it is closed", id="closed"),
        pytest.param("<&- >&-", "it is closed", id="input-closed-too"),
    ],
)
@pytest.mark.parametrize("words", ["doctor", "doctor --json", "--help"])
def test_an_output_that_cannot_be_written(words: str, redirection: str, said: str) -> None:
    result = _in_shell(words, redirection)

    assert result.returncode == 1
    assert result.stderr == f"relayscope: cannot write to standard output: {said}\n"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    reader = CannedReader(names=["gateway"], nodes=[node("gateway")], edges=[edge("gateway", "gateway")])
    with serving(reader) as address:
        yield address


@pytest.mark.parametrize(
    ("redirection", "said"),
    [(">/dev/full", "No space left on device"), (">&-", "it is closed")],
    ids=["full", "closed"],
)
@pytest.mark.parametrize("words", ["services", "services --json", "traces --json", "map", "map --json"])
def test_an_answer_that_cannot_be_written(url: str, words: str, redirection: str, said: str) -> None:
    result = _in_shell(f"{words} --url {url}", redirection)

    assert result.returncode == 1
    assert result.stderr == f"relayscope: cannot write to standard output: {said}\n"


def test_a_reader_that_has_gone_is_no_failure_to_tell() -> None:
    result = _in_shell("doctor --json", "> >(exec true)")

    assert "Traceback" not in result.stderr
    assert "cannot write" not in result.stderr


def test_a_command_without_any_stream() -> None:
    assert _in_shell("traces --url http://127.0.0.1:9", "<&- >&- 2>&-").returncode == 1


@pytest.mark.parametrize(
    "words",
    [("traces", "--tag", "a\udcff:b"), ("trace", "\udcff"), ("map", "--url", "http://\udcff")],
    ids=["tag", "id", "url"],
)
def test_an_argument_that_is_not_text(words: tuple[str, ...]) -> None:
    result = run(*words)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"relayscope: argument {len(words)} is not text in UTF-8\n"


@pytest.mark.parametrize("loading", ["rich", "psycopg", "uvicorn"])
def test_an_interrupt_while_the_program_is_loaded(loading: str) -> None:
    """Python tells on its error output what it has imported, as it does so."""
    words = [sys.executable, "-X", "importtime", *command("up", "--help")[1:]]
    with subprocess.Popen(
        words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any(line.split("|")[-1].strip().partition(".")[0] == loading for line in process.stderr)
        process.send_signal(signal.SIGINT)
        rest = [line for line in process.stderr if not line.startswith("import time:")]
        assert process.wait(_TIMEOUT_S) == 130
    assert rest == []
