"""What is wrong with files of batches. That one is well is remembered while it stays: most are never read again."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmosctl.domain.layout import BatchPaths
from cosmosctl.results import batch_files
from cosmosctl.results.batch_end import is_ended, read_end
from cosmosctl.state.batch_list import Listed
from cosmosctl.store.index import BATCHES, Index

MOST_BYTES = 4 << 20
"""So much YAML of batches is read by one command; the rest is read by the next."""
_EACH = 1 << 10
"""What a file costs beside its bytes."""


class _EnoughError(Exception):
    """No more is read now."""


@dataclass
class _Reader:
    """Reads within `left` bytes; `unread` counts the files that it left alone."""

    index: Index
    left: int = MOST_BYTES
    unread: int = 0

    def trouble(self, file: Path, look: Callable[[Path], str]) -> str:
        """What `look` says of a file, remembered while it says nothing and the file stays."""
        notes = self.index.notes(BATCHES)
        name = f"{file.parent.name}/{file.name}"
        try:
            words = self.index.fact(notes, name, str(file), lambda path: self._within(Path(path), look)) or ""
        except _EnoughError:
            self.unread += 1
            return ""
        if words:
            self.index.note(notes, name, None)
        return str(words)

    def _within(self, file: Path, look: Callable[[Path], str]) -> str:
        size = os.lstat(file).st_size + _EACH
        if size > self.left and self.left < MOST_BYTES:
            raise _EnoughError
        self.left -= size
        return look(file)


def damaged_batches(batches: tuple[Listed, ...], index: Index) -> Iterator[str]:
    """What is wrong, a line each. An unfinished one whose plan is damaged is told where it stands."""
    reader = _Reader(index)
    for one in batches:
        found = _troubles(one.paths, reader)
        yield from found if is_ended(one.paths) else (line for line in found if "/plan.json: " not in line)
    _forget_others(index, {one.paths.name for one in batches})
    if reader.unread:
        yield f"batches/: {reader.unread} files are not looked at yet; the next `cosmosctl status` goes on"


def _troubles(paths: BatchPaths, reader: _Reader) -> tuple[str, ...]:
    head = batch_files.head_trouble(paths)
    is_end_damaged = paths.end.exists() and reader.trouble(paths.end, _end_trouble) != ""
    return batch_files.told(paths, head, is_end_damaged=is_end_damaged)


def _end_trouble(file: Path) -> str:
    return "" if read_end(file) is not None else "cannot be read"


def _forget_others(index: Index, batches: set[str]) -> None:
    notes = index.notes(BATCHES)
    for name in [name for name in notes if name.split("/")[0] not in batches]:
        index.note(notes, name, None)
