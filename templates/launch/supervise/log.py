"""The log of a model process: where its rows begin and end in it, and why one failed, by the patterns of the plan."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict, List, Set, Tuple

from files import opened
from plan import Patterns
from words import is_exception, last_words, one_line

READ_BYTES = 4 << 20
LONGEST_LINE_BYTES = 1 << 20
SEARCHED_BYTES = 16 << 20


class Log:
    """A model's log, read as it grows. Offsets are in bytes; a row's part begins where the one before ended."""

    _LINE = re.compile(rb"[^\r\n]*[\r\n]+")

    def __init__(self, path: Path, patterns: Patterns) -> None:
        self._file = opened(path, os.O_RDONLY | os.O_CREAT)
        self._rest = b""
        self._marks = 0
        self._loaded, self._row_start, self._row_end, self._progress, self._chunk = (
            re.compile(text or r"(?!)")
            for text in (patterns.loaded, patterns.row_start, patterns.row_end, patterns.progress, patterns.chunk)
        )
        self._row_failed, self._unfit, self._prefix = (
            re.compile(text or r"(?!)") for text in (patterns.row_failed, patterns.unfit, patterns.prefix)
        )
        self._reasons = [(reason, re.compile(text)) for reason, text in patterns.reasons]
        self.size = 0
        self.loaded = False
        self.starts: List[int] = []
        self.ends: Dict[int, int] = {}
        self.failed: Set[int] = set()
        self.unfit = ""
        self.progress = (0, 0)
        self.chunks = 0

    def close(self) -> None:
        os.close(self._file)

    def read(self) -> bool:
        """Takes in what was added since the last time; whether there was anything."""
        chunk = os.read(self._file, READ_BYTES)
        data, begin, end = self._rest + chunk, self.size - len(self._rest), 0
        self.size += len(chunk)
        for line in self._LINE.finditer(data):
            end = line.end()
            self._take(line.group().decode("utf-8", "replace"), begin + line.start(), begin + end)
        self._rest = data[end:][-LONGEST_LINE_BYTES:]
        return bool(chunk)

    def read_all(self) -> None:
        """Takes in everything, a last line without its end too: nobody writes any more."""
        while self.read():
            pass
        self._take(self._rest.decode("utf-8", "replace"), self.size - len(self._rest), self.size)

    def _take(self, line: str, begin: int, end: int) -> None:
        self.loaded = self.loaded or self._loaded.search(line) is not None
        if self._row_start.search(line):
            self.starts.append(begin)
            self._marks, self.progress, self.chunks = 0, (0, 0), 0
        if self._row_end.search(line):
            self.ends[len(self.starts) - 1 if self.starts else len(self.ends)] = end
        if self.starts and self._row_failed.search(line):
            self.ends.setdefault(len(self.starts) - 1, end)
            self.failed.add(len(self.starts) - 1)
        if self._unfit.search(line):
            self.unfit = line
        if self._chunk.search(line):
            self.chunks += 1
            self.progress = (0, self.progress[1])
        found = self._progress.search(line)
        if found:
            self._marks += 1
            numbers = [int(number) for number in found.groups("") if number.isdigit()] or [self._marks]
            self.progress = (numbers[0], numbers[1] if len(numbers) > 1 else 0)

    def part(self, i: int) -> Tuple[int, int]:
        """(begin, end) of what the log says of row i."""
        start = self.starts[i] if i < len(self.starts) else max(self.ends.values(), default=0)
        begin = self.ends.get(i - 1, start)
        following = self.starts[i + 1] if i + 1 < len(self.starts) else self.size
        return begin, max(begin, self.ends.get(i, following))

    def reason(self, begin: int, end: int) -> Tuple[str, str]:
        """(reason, the line that tells it) in that part of the log; ("", its last words) when no pattern is found."""
        begin = max(begin, end - SEARCHED_BYTES)
        text = os.pread(self._file, end - begin, begin).decode("utf-8", "replace").replace("\r", "\n")
        words = self._words(last_words(text))
        for reason, pattern in self._reasons:
            found = pattern.search(text)
            if found:
                line = one_line(text[text.rfind("\n", 0, found.start()) + 1 :].split("\n", 1)[0])
                return reason, words if is_exception(words) and pattern.search(words) else self._words(line)
        return "", words

    def _words(self, line: str) -> str:
        """A line without what the logger put before it."""
        return self._prefix.sub("", line, 1)
