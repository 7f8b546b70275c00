"""The command ``import``: OTLP/JSON from files to a receiver."""

from __future__ import annotations

import glob
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from relayscope.cli.otlp_delivery import Delivered, Delivery
from relayscope.cli.otlp_file import MAX_PART_BYTES, MAX_PART_ITEMS, Fault, Part, Signal, parts_of
from tracedata import CallerError

_STANDARD_INPUT = "-"
_FAILED = 1
# So many requests are under way; the receiver decodes large ones one at a time.
_AT_ONCE = 3
_SHOWN_FAULTS = 100
_WILD = frozenset("*?[")


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of everything. ``refused`` counts spans and log records, ``faults`` the places where something was left out."""

    files: int
    spans: int
    log_records: int
    refused: int
    faults: int


def register(app: typer.Typer) -> None:
    """Adds the command to ``app``."""
    app.command("import")(import_)


def import_(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files of OTLP/JSON, compressed or not; - is standard input.")
    ],
    *,
    endpoint: Annotated[str, typer.Option(help="Where OTLP/HTTP is taken.")] = "http://127.0.0.1:4318",
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a receiver that is busy.")] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="Sum up as JSON.")] = False,
) -> None:
    """Send traces and log records from files of OTLP/JSON; what is stored already is stored once."""
    names = _names(files)
    with closing(Delivery(endpoint, patience_s=patience)) as delivery, _shown(names) as course:
        done = _run(names, delivery, course)
    summary = Summary(
        files=len(names),
        spans=done.spans,
        log_records=done.log_records,
        refused=done.refused,
        faults=course.faults,
    )
    _tell(summary, as_json=as_json)
    if summary.faults:
        raise typer.Exit(_FAILED)


def _names(given: Sequence[str]) -> Sequence[str]:
    """The files, those that a pattern means too.

    Raises:
        CallerError: there is no such file, or it is a folder.
    """
    names: list[str] = []
    for name in given:
        is_pattern = bool(_WILD & set(name)) and not Path(name).exists()
        names += sorted(glob.glob(name, recursive=True)) if is_pattern else [name]  # noqa: PTH207 - patterns from a root too
        if is_pattern and not names:
            raise CallerError(f"{name}: no file is named so")
    for name in names:
        if name != _STANDARD_INPUT and not Path(name).exists():
            raise CallerError(f"{name}: there is no such file")
        if Path(name).is_dir():
            raise CallerError(f"{name}: is a folder")
    return names


class _Course:
    """Shows how far it has come, and what was left out."""

    def __init__(self, progress: Progress, *, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task("import", total=total)
        self._before = 0
        self.faults = 0

    def reach(self, file: BufferedReader, *, is_end: bool = False) -> None:
        """The place in the file that is read, or that it was read."""
        if not file.seekable():
            return
        place = file.tell()
        self._progress.update(self._task, completed=self._before + place)
        if is_end:
            self._before += place

    def tell(self, fault: Fault) -> None:
        self.faults += 1
        if self.faults <= _SHOWN_FAULTS:
            self._progress.console.print(
                f"relayscope: {fault.place}: {fault.reason}", markup=False, emoji=False, highlight=False, soft_wrap=True
            )
        elif self.faults == _SHOWN_FAULTS + 1:
            self._progress.console.print("relayscope: more of this is counted, but not shown")


@contextmanager
def _shown(names: Sequence[str]) -> Iterator[_Course]:
    stderr = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    total = None if _STANDARD_INPUT in names else sum(Path(name).stat().st_size for name in names)
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as progress:
        yield _Course(progress, total=total)


class _Batch(NamedTuple):
    """Parts that go together, and how much they are."""

    parts: list[Part]
    size: int
    items: int


def _run(names: Sequence[str], delivery: Delivery, course: _Course) -> Delivered:
    done = Delivered()
    waiting: deque[Future[Delivered]] = deque()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="import") as pool:
        try:
            for batch in _batches(names, course):
                waiting.append(pool.submit(delivery.send, batch))
                # Nothing more is read than can be sent.
                if len(waiting) >= _AT_ONCE:
                    done += _settled(waiting.popleft(), course)
            while waiting:
                done += _settled(waiting.popleft(), course)
        finally:
            delivery.stop()
            pool.shutdown(wait=False, cancel_futures=True)
    return done


def _settled(future: Future[Delivered], course: _Course) -> Delivered:
    delivered = future.result()
    for fault in delivered.faults:
        course.tell(fault)
    # They are told; keeping them all would take memory.
    return msgspec.structs.replace(delivered, faults=())


def _batches(names: Sequence[str], course: _Course) -> Iterator[Sequence[Part]]:
    """Parts of one signal, about as many as a request should have."""
    pending: dict[Signal, _Batch] = {}
    for part in _parts(names, course):
        parts, size, items = pending.pop(part.signal, _Batch([], 0, 0))
        if parts and (size + len(part.entry) > MAX_PART_BYTES or items + part.items > MAX_PART_ITEMS):
            yield parts
            parts, size, items = [], 0, 0
        parts.append(part)
        pending[part.signal] = _Batch(parts, size + len(part.entry), items + part.items)
    for batch in pending.values():
        yield batch.parts


def _parts(names: Sequence[str], course: _Course) -> Iterator[Part]:
    for name in names:
        with ExitStack() as stack:
            if name == _STANDARD_INPUT:
                # Any: it has what is needed, whatever its declared type says.
                file = BufferedReader(cast("Any", sys.stdin.buffer))
                # Not closed with it: others may still look at it.
                stack.callback(file.detach)
            else:
                file = stack.enter_context(Path(name).open("rb"))
            for found in parts_of(file, name):
                course.reach(file)
                if isinstance(found, Fault):
                    course.tell(found)
                else:
                    yield found
            course.reach(file, is_end=True)


def _tell(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(summary))
        return
    files = "1 file" if summary.files == 1 else f"{summary.files:,} files"
    typer.echo(f"{summary.spans:,} spans and {summary.log_records:,} log records of {files} are stored.")
    if summary.faults:
        typer.echo(f"{summary.refused:,} were refused; something was left out at {summary.faults:,} places.", err=True)
