"""``relayscope archive``, against a running API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from relayscope.api.jaeger import JaegerAccess
from tests.support.api_server import serving
from tests.support.canned_reader import TRACE_ID, CannedReader
from tests.support.invocation import invoke
from tests.support.jaeger_served import FixedArchive

_ID = TRACE_ID.hex()


@pytest.fixture
def archive() -> FixedArchive:
    return FixedArchive(TRACE_ID)


@pytest.fixture
def url(archive: FixedArchive) -> Iterator[str]:
    with serving(CannedReader(), jaeger_access=JaegerAccess(archive=archive)) as address:
        yield address


def test_a_trace_is_kept_and_let_go_of(url: str, archive: FixedArchive) -> None:
    kept = invoke("archive", _ID, "--url", url)
    assert (kept.returncode, kept.stderr) == (0, "")
    assert kept.stdout == f"{_ID} is kept with 3 spans, since 2026-01-15T12:00:00Z.\n"
    assert archive.kept == {TRACE_ID}
    gone = invoke("archive", _ID, "--remove", "--url", url)
    assert (gone.returncode, gone.stdout.partition(":")[0]) == (0, "The trace is no longer kept")
    assert archive.kept == set()


def test_a_trace_of_one_span(url: str, archive: FixedArchive) -> None:
    archive.span_count = 1
    assert " is kept with 1 span, since " in invoke("archive", _ID, "--url", url).stdout


def test_json_is_that_of_the_api(url: str) -> None:
    kept = invoke("archive", _ID, "--json", "--url", url)
    assert kept.stdout == f'{{"traceId":"{_ID}","archivedAt":"2026-01-15T12:00:00.250000000Z","spanCount":3}}\n'


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(["f" * 32], 1, "There is no trace with this id.", id="unknown"),
        pytest.param(["xyz"], 2, "traceId: must be 1 to 32 hex digits", id="no id"),
        pytest.param([_ID, "--remove"], 1, "No trace with this id is in the archive.", id="not kept"),
        pytest.param([_ID, "--remove", "--json"], 2, "--json: nothing is printed with --remove", id="both flags"),
    ],
)
def test_failures_are_one_sentence(url: str, arguments: list[str], code: int, told: str) -> None:
    failed = invoke("archive", *arguments, "--url", url)
    assert (failed.returncode, failed.stdout, failed.stderr) == (code, "", f"relayscope: {told}\n")
