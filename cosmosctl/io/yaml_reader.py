"""A YAML 1.2 file as plain values with the place of each, and every mistake in it in the user's words.

The scanner is ruamel.yaml's C parser; what its events mean is decided here, because the file is not trusted: size,
depth and the growth by aliases are bounded, duplicate keys are told, and plain words are read by `yaml_scalar`.
Nothing here knows what a prompt or a run is.
"""

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]  # it has no types
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from cosmosctl.io.yaml_scalar import plain_value
from cosmosctl.io.yaml_value import KeyPath, YamlValue
from cosmosctl.io.yaml_words import Mistake, syntax_mistake

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 40
"""Far above any file that a person writes, far below what hurts."""

Mark = Any
"""ruamel's mark: line and column count from 0, columns in characters."""


@dataclass(frozen=True)
class Document:
    """What a file holds. When `mistakes` is not empty, `value` holds what could be read before or beside them."""

    value: YamlValue
    mistakes: tuple[Mistake, ...]
    spans: Mapping[KeyPath, tuple[Mark, Mark]] = field(default_factory=dict, repr=False)
    key_marks: Mapping[KeyPath, Mark] = field(default_factory=dict, repr=False)
    flow: frozenset[KeyPath] = frozenset()

    def place(self, path: KeyPath) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path`, or of the nearest value around it."""
        while path and path not in self.spans:
            path = path[:-1]
        return _place(self.spans[path][0]) if path in self.spans else (1, 1)

    def key_place(self, path: KeyPath) -> tuple[int, int]:
        """Line and column, from 1, of the key at `path`; of its value where it has none (list items)."""
        return _place(self.key_marks[path]) if path in self.key_marks else self.place(path)


def read(path: Path) -> Document:
    """What the file at `path` holds. Raises: OSError."""
    with path.open("rb") as file:
        return parse_bytes(file.read(MAX_BYTES + 1))


def parse_bytes(data: bytes) -> Document:
    """What a file with these bytes holds."""
    if len(data) > MAX_BYTES:
        return _refused(1, 1, f"the file is larger than {MAX_BYTES >> 20} MiB; a prompt, run or project file never is")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _refused(1, 1, "the file is UTF-16; save it as UTF-8")
    if b"\0" in data:
        return _refused(1, 1, "this is a binary file, not YAML")
    try:
        return parse(data.decode())
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        return _refused(*_end_of(before), f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8")


def parse(text: str) -> Document:
    """What YAML text holds."""
    bom = text.startswith("\ufeff")
    text = text[1:] if bom else text
    control = _UNPRINTABLE.search(text)
    if control:
        return _refused(*_end_of(text[: control.start()]), _control_words(control.group()))
    reader, value = _read(text)
    mistakes = [Mistake(1, 1, _BOM)] if bom else []
    return Document(value, (*mistakes, *reader.mistakes), reader.spans, reader.key_marks, frozenset(reader.flow))


def load_plain(text: str) -> YamlValue:
    """The values of a file that the tool itself wrote, of any size. Raises: ValueError when it is not YAML."""
    reader = _Reader(text, CParser, max_nodes=1 << 40)
    value = reader.document()
    if reader.mistakes:
        raise ValueError(reader.mistakes[0].message)
    return value


def _read(text: str) -> tuple["_Reader", YamlValue]:
    """By the C parser; what that does not take, by the pure one: `[a:b]` is good YAML 1.2, but not to libyaml 0.1."""
    reader = _Reader(text, CParser)
    value = reader.document()
    if reader.is_cut_off and len(text) <= _PURE_LIMIT:
        other = _Reader(text, _PureParser)
        other_value = other.document()
        if not other.is_cut_off:
            return other, other_value
    return reader, value


_PURE_LIMIT = 1 << 16
"""Characters; the pure parser is some fifty times slower."""


class _PureParser:
    """ruamel.yaml's own scanner with the C parser's face."""

    def __init__(self, text: str) -> None:
        events = YAML(typ="safe", pure=True).parse(text)
        self.get_event = functools.partial(next, events)


class _Stop(Exception):
    """Nothing more can be read from this file; the mistake is noted."""


class _Reader:
    """One pass over the events of one text."""

    def __init__(self, text: str, parser: Callable[[str], Any], *, max_nodes: int = MAX_NODES) -> None:
        self.is_cut_off = False
        self.mistakes: list[Mistake] = []
        self.spans: dict[KeyPath, tuple[Mark, Mark]] = {}
        self.key_marks: dict[KeyPath, Mark] = {}
        self.flow: set[KeyPath] = set()
        self._text, self._back = _shield_breaks(text)
        self._max_nodes = max_nodes
        self._nodes = 0
        self._anchors: dict[str, tuple[YamlValue, int, int] | None] = {}
        self._next = parser(self._text).get_event

    def document(self) -> YamlValue:
        try:
            self._next()  # the start of the stream
            first = self._next()
            if type(first) is StreamEndEvent:
                return None
            value, _ = self._node(self._next(), (), 1)
            self._next()  # the end of the document
            self._expect_end(self._next())
            return value
        except _Stop:
            return None
        except YAMLError as error:
            self.is_cut_off = True
            self.mistakes.append(syntax_mistake(error, self._text))
            return None

    def _expect_end(self, event: Any) -> None:
        if type(event) is DocumentStartEvent:
            self._say(event.start_mark, "a second document starts here; one file holds one, without `---` lines")

    def _node(self, event: Any, path: KeyPath, depth: int) -> tuple[YamlValue, int]:
        """The value that starts with `event`, and how deep it is."""
        kind = type(event)
        self._count(event, 1)
        if depth > MAX_DEPTH:
            self._give_up(event, f"the values are nested more than {MAX_DEPTH} deep")
        if kind is ScalarEvent:
            self.spans[path] = (event.start_mark, event.end_mark)
            value, height = self._scalar(event), 1
            if event.anchor:
                self._anchors[event.anchor] = (value, 1, 1)
            return value, height
        if kind is AliasEvent:
            self.spans[path] = (event.start_mark, event.end_mark)
            return self._alias(event, depth)
        return self._collection(event, path, depth)

    def _collection(self, event: Any, path: KeyPath, depth: int) -> tuple[YamlValue, int]:
        before = self._nodes
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None
        if event.tag not in _COLLECTION_TAGS:
            self._say(event.start_mark, f"the tag {event.tag} is not known here; remove it")
        if event.flow_style:
            self.flow.add(path)
        value: YamlValue
        if type(event) is MappingStartEvent:
            value, height, end = self._mapping(path, depth, event)
        else:
            value, height, end = self._sequence(path, depth)
        self.spans[path] = (event.start_mark, end)
        if anchor:
            self._anchors[anchor] = (value, self._nodes - before + 1, height)
        return value, height

    def _mapping(self, path: KeyPath, depth: int, start: Any) -> tuple[YamlValue, int, Mark]:
        found: dict[str, YamlValue] = {}
        lines: dict[str, int] = {}
        height = 0
        while True:
            event = self._next()
            if type(event) is MappingEndEvent:
                return found, height + 1, event.end_mark
            key = self._key(event)
            here = (*path, key)
            if key in found:
                self._say(event.start_mark, f"the key '{key}' is there already, in line {lines[key]}")
                self._skip(depth)
                continue
            lines[key] = event.start_mark.line + 1
            self.key_marks[here] = event.start_mark
            found[key], below = self._node(self._next(), here, depth + 1)
            height = max(height, below)

    def _key(self, event: Any) -> str:
        if type(event) is not ScalarEvent:
            self._give_up(event, "a key must be a plain word")
        return str(event.value).translate(self._back) if self._back else str(event.value)

    def _skip(self, depth: int) -> None:
        """Read the value of a key that does not count, leaving no trace of its places."""
        spans, key_marks = self.spans, self.key_marks
        self.spans, self.key_marks = {}, {}
        self._node(self._next(), (), depth + 1)
        self.spans, self.key_marks = spans, key_marks

    def _sequence(self, path: KeyPath, depth: int) -> tuple[YamlValue, int, Mark]:
        found: list[YamlValue] = []
        height = 0
        while True:
            event = self._next()
            if type(event) is SequenceEndEvent:
                return found, height + 1, event.end_mark
            value, below = self._node(event, (*path, len(found)), depth + 1)
            found.append(value)
            height = max(height, below)

    def _alias(self, event: Any, depth: int) -> tuple[YamlValue, int]:
        name = event.anchor
        if name not in self._anchors:
            self._say(event.start_mark, f"*{name} refers to an anchor &{name} that is not above it; quote the text?")
            return None, 1
        known = self._anchors[name]
        if known is None:
            self._give_up(event, f"*{name} stands inside the very value that it refers to")
        value, nodes, height = known
        self._count(event, nodes)
        if depth + height > MAX_DEPTH:
            self._give_up(event, f"the values are nested more than {MAX_DEPTH} deep")
        return value, height

    def _scalar(self, event: Any) -> YamlValue:
        text: str = event.value
        if self._back:
            text = text.translate(self._back)
        tag = event.tag
        if tag is None:
            return plain_value(text) if event.implicit[0] else text
        if tag not in _TEXT_TAGS:
            self._say(event.start_mark, f"the tag {tag} is not known here; remove it")
        return text

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._max_nodes:
            self._give_up(event, f"the file grows to more than {self._max_nodes:,} values (aliases counted out)")

    def _say(self, mark: Mark, message: str) -> None:
        self.mistakes.append(Mistake(*_place(mark), message))

    def _give_up(self, event: Any, message: str) -> NoReturn:
        self._say(event.start_mark, message)
        raise _Stop


_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_COLLECTION_TAGS = (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What a YAML stream may not hold (spec 1.2.2, rule c-printable), and a byte order mark inside."""

_BOM = "the file starts with a byte order mark (BOM); save it as UTF-8 without BOM"

_BREAKS_OF_YAML_1_1 = ("\x85", "\u2028", "\u2029")


def _shield_breaks(text: str) -> tuple[str, Mapping[int, str]]:
    """The C parser takes NEL, LS and PS for line breaks, YAML 1.2 does not: stand-ins for them, and the way back."""
    present = [char for char in _BREAKS_OF_YAML_1_1 if char in text]
    if not present:
        return text, {}
    swap = dict(zip(present, _unused(text), strict=False))
    back = {ord(stand_in): char for char, stand_in in swap.items()}
    return text.translate({ord(char): stand_in for char, stand_in in swap.items()}), back


def _unused(text: str) -> Iterator[str]:
    """Private-use characters that do not occur in `text`."""
    codes = itertools.chain(range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
    return (chr(code) for code in codes if chr(code) not in text)


def _place(mark: Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _end_of(text: str) -> tuple[int, int]:
    """Line and column of what follows `text`."""
    lines = _LINE_BREAK.split(text)
    return len(lines), len(lines[-1]) + 1


_LINE_BREAK = re.compile("\r\n|\n|\r")


def _control_words(char: str) -> str:
    code = f"{ord(char):04x}"
    return f"U+{code.upper()} is an invisible control character; remove it, or write \\u{code} in double quotes"


def _refused(line: int, column: int, message: str) -> Document:
    return Document(None, (Mistake(line, column, message),))
