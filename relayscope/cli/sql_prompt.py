"""The prompt for SQL: several lines, colours, completion from the schema, and a history that stays."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import Output
from pygments.lexers.sql import PostgresLexer

_WORD = re.compile(r"[\w.]*$")
_KEYWORDS = (
    "SELECT FROM WHERE GROUP BY ORDER LIMIT WITH AS JOIN LEFT ON USING AND OR NOT IN IS NULL LIKE ILIKE BETWEEN CASE WHEN "
    "THEN ELSE END DISTINCT HAVING UNION ALL DESC ASC FILTER OVER PARTITION INTERVAL"
).split()


class SchemaNames(msgspec.Struct, frozen=True, kw_only=True):
    """What can be completed: views with their columns, and functions."""

    views: Mapping[str, Sequence[str]]
    functions: Sequence[str]


class SchemaCompleter(Completer):
    """Completes the word before the cursor: columns of the views that the text names first, then everything else."""

    def __init__(self, names: SchemaNames) -> None:
        self._names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - the library's signature
        found = _WORD.search(document.text_before_cursor)
        # What stands before a dot is a name of the user's for a view.
        word = found.group().rpartition(".")[2] if found else ""
        for text, kind in self._known(document.text):
            if word and text.lower().startswith(word.lower()) and text.lower() != word.lower():
                yield Completion(text, start_position=-len(word), display_meta=kind)

    def _known(self, text: str) -> Iterator[tuple[str, str]]:
        """Each name once, and what it is."""
        named = set(re.findall(r"\w+", text.lower()))
        views = self._names.views
        columns = [column for view in views if view in named for column in views[view]]
        yield from dict.fromkeys((column, "column") for column in columns)
        yield from ((view, "view") for view in views)
        yield from ((function, "function") for function in self._names.functions)
        yield from ((keyword, "") for keyword in _KEYWORDS)


def history_path() -> Path:
    """Where queries are remembered, as XDG has it."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "relayscope" / "sql_history"


class Prompt:
    """Asks for one line of input after another. ``input`` and ``output`` are the terminal by default."""

    def __init__(self, names: SchemaNames, *, source: Input | None = None, output: Output | None = None) -> None:
        self._session: PromptSession[str] = PromptSession(
            "sql> ",
            multiline=Condition(self._is_open),
            prompt_continuation="  -> ",
            completer=SchemaCompleter(names),
            complete_while_typing=False,
            history=_history(history_path()),
            lexer=PygmentsLexer(PostgresLexer),
            input=source,
            output=output,
        )

    def lines(self) -> Iterator[str]:
        r"""What was typed, until the end of the input or ``\q``. An interrupt gives up the line."""
        while True:
            try:
                text = self._session.prompt().strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text in {"\\q", "exit", "quit", "exit;", "quit;"}:
                return
            if text:
                yield text

    def _is_open(self) -> bool:
        """Whether Enter begins another line: a query ends with a semicolon, a command with its line."""
        text = self._session.default_buffer.text.strip()
        return bool(text) and not text.endswith(";") and not text.startswith("\\") and text not in {"exit", "quit"}


def _history(path: Path) -> FileHistory:
    """Queries can name people, so nobody else reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return FileHistory(str(path))
