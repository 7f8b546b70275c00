"""Golden files: what a test expects stands in a file of its own, and changes to it are reviewed as a difference."""

from __future__ import annotations

from pathlib import Path


class Golden:
    """The golden files of one folder; ``update`` writes them instead of comparing."""

    def __init__(self, folder: Path, *, update: bool) -> None:
        self._folder = folder
        self._update = update

    def check(self, name: str, text: str) -> None:
        """Fails unless ``text`` is what the file ``name`` holds."""
        path = self._folder / name
        if self._update:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"{name} is missing; --update-golden writes it"
        assert text == path.read_text()

    def names(self) -> set[str]:
        """The names of all golden files of the folder."""
        return {path.name for path in self._folder.iterdir()}


def between(text: str, name: str, content: str) -> str:
    """A page with what stands between two marks put anew."""
    before, start, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    assert start
    assert end
    return f"{before}{start}{content}{end}{after}"
