"""Changes to a user's YAML file: only the lines that have to change do; comments, order and line ends stay.

Text is spliced at the places that the parser reports, then the result is read again and compared with what was wanted.
What cannot be done that way is refused with the lines to be put in by hand.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cosmosctl.errors import FileError, FilesError
from cosmosctl.io.atomic import write_text
from cosmosctl.io.os_error import file_error
from cosmosctl.io.yaml_file import block_lines, flow_text, scalar_text
from cosmosctl.io.yaml_reader import Document, parse, parse_bytes
from cosmosctl.io.yaml_value import KeyPath, YamlValue

Comments = Mapping[KeyPath, str]
"""Path inside the new value, starting with its own key -> comment at the end of that line."""


def set_in_file(path: Path, keys: Sequence[str], value: YamlValue, *, comments: Comments | None = None) -> None:
    """The file holds `value` at `keys`; a key that is not there is added at the end of its mapping.

    Raises: FileError when the file has mistakes, cannot be written, or cannot be changed without touching more.
    """
    path = path.resolve()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise file_error(path, error, doing="read") from error
    mistakes = parse_bytes(data).mistakes
    if mistakes:
        raise FilesError([f"{path}:{m.line}:{m.column}: {m.message}" for m in mistakes])
    try:
        text = set_value(data.decode(), keys, value, comments=comments)
    except FileError as error:
        raise FileError(f"{path}: {error.message}", hint=error.hint) from None
    write_text(path, text)


def set_value(text: str, keys: Sequence[str], value: YamlValue, *, comments: Comments | None = None) -> str:
    """`text` with `value` at `keys`. Raises: FileError."""
    document = parse(text)
    wanted = _with_value(document.value, tuple(keys), value)
    if document.value == wanted:
        return text
    changed = _Text(text, document).changed(tuple(keys), value, comments or {})
    after = parse(changed)
    if after.mistakes or after.value != wanted:
        raise _by_hand(keys, value)
    return changed


class _Text:
    """A text with the places of its values as offsets."""

    def __init__(self, text: str, document: Document) -> None:
        self.text = text
        self.document = document
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self._starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]

    def changed(self, keys: KeyPath, value: YamlValue, comments: Comments) -> str:
        if keys in self.document.key_marks:
            return self._replaced(keys, value)
        parent = keys[:-1]
        while parent and parent not in self.document.key_marks:
            parent = parent[:-1]
        new = _nested(keys[len(parent) + 1 :], value)
        entry = {str(keys[len(parent)]): new}
        return self._added(parent, entry, _deeper(comments, keys[len(parent) : -1]))

    def _replaced(self, keys: KeyPath, value: YamlValue) -> str:
        """A value of one line in the place of one of one line."""
        start, end = self._span(keys)
        if "\n" in self.text[start:end] or (isinstance(value, str) and "\n" in value):
            raise _by_hand(tuple(map(str, keys)), value)
        new = flow_text(value) if isinstance(value, list | dict) else scalar_text(value)
        gap = " " if self.text[start - 1 : start] == ":" else ""
        return self.text[:start] + gap + new + self.text[end:]

    def _added(self, parent: KeyPath, entry: Mapping[str, YamlValue], comments: Comments) -> str:
        if self.document.value is None:
            return self._inserted(len(self.text), block_lines(entry, comments=comments))
        start, end = self._span(parent)
        siblings = [path for path in self.document.key_marks if path[:-1] == parent and len(path) == len(parent) + 1]
        if parent in self.document.flow and siblings:
            at = self._span(siblings[-1])[1]
            return f"{self.text[:at]}, {flow_text(entry)[1:-1]}{self.text[at:]}"
        if parent and not siblings:
            return self._first_entry(parent, start, end, entry, comments)
        indent = self.document.key_marks[siblings[0]].column
        at = self._end_of_block(self._end(parent), indent)
        return self._inserted(at, block_lines(entry, indent=indent, comments=comments))

    def _first_entry(
        self, parent: KeyPath, start: int, end: int, entry: Mapping[str, YamlValue], comments: Comments
    ) -> str:
        """A block below `key:` or in the place of `key: {}`; an own comment beside the key stays."""
        key = self.document.key_marks[parent]
        lines = block_lines(entry, indent=key.column + 2, comments=comments)
        head = self.text[:start].rstrip(" ") if self.text[start:end] else self.text[:start]
        cut = _Text(head + self.text[end:], self.document)
        return cut._inserted(cut._line_end(len(head)), lines)

    def _inserted(self, at: int, lines: Iterable[str]) -> str:
        before = self.text[:at]
        if before and not before.endswith(("\n", "\r")):
            before += self.newline
        return before + "".join(line + self.newline for line in lines) + self.text[at:]

    def _end(self, path: KeyPath) -> int:
        """Where the last line of the value at `path` ends; a block mapping's own end mark lies further down."""
        while path not in self.document.flow:
            below = [p for p in self.document.spans if len(p) == len(path) + 1 and p[: len(path)] == path]
            if not below:
                break
            path = below[-1]
        start, end = self._span(path)
        if self.text[start : start + 1] in ("|", ">") and self._is_line_start(end):
            return end
        return self._line_end(end)

    def _end_of_block(self, at: int, indent: int) -> int:
        """`at`, or behind the comment lines below it that are indented like the block's entries."""
        end = at
        while at < len(self.text):
            after = self._line_end(at)
            line = self.text[at:after]
            if line.strip() and not re.match(rf" {{{indent},}}#", line):
                break
            if line.strip() and indent:
                end = after
            at = after
        return end

    def _span(self, path: KeyPath) -> tuple[int, int]:
        start, end = self.document.spans[path]
        return self._offset(start.line, start.column), self._offset(end.line, end.column)

    def _offset(self, line: int, column: int) -> int:
        return min(self._starts[line] + column, len(self.text)) if line < len(self._starts) else len(self.text)

    def _is_line_start(self, at: int) -> bool:
        return self.text[at - 1 : at] in ("\n", "\r")

    def _line_end(self, at: int) -> int:
        """Behind the line break of the line in which `at` lies."""
        match = _LINE_BREAK.search(self.text, at)
        return match.end() if match else len(self.text)


_LINE_BREAK = re.compile("\r\n|\n|\r")


def _nested(keys: KeyPath, value: YamlValue) -> YamlValue:
    for key in reversed(keys):
        value = {str(key): value}
    return value


def _deeper(comments: Comments, above: KeyPath) -> Comments:
    return {(*above, *path): comment for path, comment in comments.items()}


def _with_value(data: YamlValue, keys: tuple[str, ...], value: YamlValue) -> YamlValue:
    """`data` with `value` at `keys`. Raises: FileError when something that is no mapping is in the way."""
    if not keys:
        return value
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise FileError(f"'{keys[0]}' cannot be set inside of what is no mapping")
    return {**data, keys[0]: _with_value(data.get(keys[0]), keys[1:], value)}


def _by_hand(keys: Sequence[str], value: YamlValue) -> FileError:
    lines = "\n".join(block_lines({str(keys[0]): _nested(tuple(keys[1:]), value)}))
    return FileError(
        f"'{'.'.join(keys)}' cannot be set here without changing more", hint=f"put it in by hand:\n{lines}"
    )
