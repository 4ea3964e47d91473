"""A YAML 1.2 file as plain values with the place of each, and every mistake in it in the user's words.

The scanner is ruamel.yaml's C parser. Its events are put together here and not by ruamel's composer, because the file
is not trusted: size, depth and the growth by aliases are bounded (the C composer crashes on 100,000 brackets), and
duplicate keys are told. Nothing here knows what a prompt or a run is.
"""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

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

from cosmosctl.git.conflict import marks_line
from cosmosctl.yaml.messages import Mistake, syntax_mistake
from cosmosctl.yaml.scalar import BREAKS_OF_YAML_1_1, plain_value, stand_ins

YamlValue: TypeAlias = "bool | int | float | str | list[YamlValue] | dict[str, YamlValue] | None"

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys and list positions that lead to a value; () is the whole file."""

Mark: TypeAlias = Any
"""ruamel's mark: line and column count from 0, columns in characters."""

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 40
"""Far above any file that a person writes, far below what hurts."""


@dataclass(frozen=True)
class Document:
    """What a file holds. When `mistakes` is not empty, `value` holds what could be read before or beside them.

    `ambiguous`: numbers as they are written which are other ones in YAML 1.1, where 010 is eight.
    """

    value: YamlValue
    mistakes: tuple[Mistake, ...]
    marks: Mapping[KeyPath, Mark] = field(default_factory=dict, repr=False)
    key_marks: Mapping[KeyPath, Mark] = field(default_factory=dict, repr=False)
    ambiguous: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)

    def place(self, path: KeyPath) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path`, or of the nearest value around it."""
        while path and path not in self.marks:
            path = path[:-1]
        return _place(self.marks[path]) if path in self.marks else (1, 1)

    def key_place(self, path: KeyPath) -> tuple[int, int]:
        """Line and column, from 1, of the key at `path`; of its value where it has none (list items)."""
        return _place(self.key_marks[path]) if path in self.key_marks else self.place(path)


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


def parse(text: str, *, max_nodes: int = MAX_NODES, of_tool: bool = False) -> Document:
    """What YAML text holds. `of_tool`: a file that only the tool writes is read no further than its first mistake, and
    nobody is told where in it something stands.
    """
    text = text.removeprefix("\ufeff")  # YAML 1.2.2, 5.2: a byte order mark may stand in front
    conflict = marks_line(text)
    if conflict:
        return _refused(conflict, 1, "these are the marks of a merge conflict; keep one side and remove the marks")
    control = _UNPRINTABLE.search(text)
    if control:
        return _refused(*_end_of(text[: control.start()]), _control_words(control.group()))
    reader = _Reader(text, CParser, max_nodes, of_tool=of_tool)
    if reader.is_cut_off and len(text) <= _PURE_LIMIT and not of_tool:
        pure = _Reader(text, _PureParser, _PURE_NODES)  # `[a:b]` is good YAML 1.2, but not to libyaml 0.1
        reader = reader if pure.is_cut_off or pure.is_too_large else pure
    return Document(reader.value, tuple(reader.mistakes), reader.marks, reader.key_marks, reader.ambiguous)


_PURE_LIMIT = 1 << 16
"""Characters; the pure parser is some fifty times slower."""
_PURE_NODES = 3000
"""Values that it reads at most, for the same reason."""


class _PureParser:
    """ruamel.yaml's own scanner with the C parser's face."""

    def __init__(self, text: str) -> None:
        self.get_event = functools.partial(next, YAML(typ="safe", pure=True).parse(text))


class _Stop(Exception):
    """Nothing more can be read from this file; the mistake is noted."""


class _Reader:
    """One pass over the events of one text."""

    def __init__(self, text: str, parser: Callable[[str], Any], max_nodes: int, *, of_tool: bool = False) -> None:
        self.value: YamlValue = None
        self.is_cut_off, self.is_too_large, self._of_tool = False, False, of_tool
        self.mistakes: list[Mistake] = []
        self.marks: dict[KeyPath, Mark] = {}
        self.key_marks: dict[KeyPath, Mark] = {}
        self.ambiguous: dict[KeyPath, str] = {}
        there, self._back = stand_ins(BREAKS_OF_YAML_1_1, text)
        text = text.translate(there) if there else text
        self._nodes, self._max_nodes = 0, max_nodes
        self._anchors: dict[str, YamlValue] = {}
        self._open: set[str] = set()
        self._next = parser(text).get_event
        try:
            self._document()
        except _Stop:
            self.value = None
        except YAMLError as error:
            self.is_cut_off = True
            self.mistakes.append(syntax_mistake(error, text))

    def _document(self) -> None:
        self._next()  # the start of the stream
        if type(self._next()) is StreamEndEvent:
            return
        value = self._node(self._next(), (), 1)
        self._next()  # the end of the document
        after = self._next()
        if type(after) is DocumentStartEvent:
            self._say(after, "a second document starts here; one file holds one, without `---` lines")
        self.value = value

    def _node(self, event: Any, path: KeyPath, depth: int) -> YamlValue:
        """The value that starts with `event`."""
        kind = type(event)
        if not self._of_tool:
            self.marks[path] = event.start_mark
        if kind is AliasEvent:
            return self._alias(event, depth)
        self._nodes += 1
        if self._nodes > self._max_nodes or depth > MAX_DEPTH:
            self._limit(event, 0, depth)
        if not event.anchor:
            return self._scalar(event, path) if kind is ScalarEvent else self._collection(event, path, depth)
        self._open.add(event.anchor)
        value = self._scalar(event, path) if kind is ScalarEvent else self._collection(event, path, depth)
        self._open.discard(event.anchor)
        self._anchors[event.anchor] = value
        return value

    def _scalar(self, event: Any, path: KeyPath) -> YamlValue:
        text: str = event.value.translate(self._back) if self._back else event.value
        if event.tag is not None or not event.implicit[0]:
            self._check_tag(event, "str")
            return text
        if text[:1] in "+-0" and _LEADING_ZERO.fullmatch(text):
            self.ambiguous[path] = text
        return plain_value(text)

    def _collection(self, event: Any, path: KeyPath, depth: int) -> YamlValue:
        if type(event) is MappingStartEvent:
            self._check_tag(event, "map")
            return self._mapping(path, depth)
        self._check_tag(event, "seq")
        found: list[YamlValue] = []
        while type(event := self._next()) is not SequenceEndEvent:
            here = path if self._of_tool else (*path, len(found))
            found.append(self._node(event, here, depth + 1))
        return found

    def _mapping(self, path: KeyPath, depth: int) -> YamlValue:
        found: dict[str, YamlValue] = {}
        while type(event := self._next()) is not MappingEndEvent:
            if type(event) is not ScalarEvent:
                self._give_up(event, "a key must be a plain word")
            key: str = event.value.translate(self._back) if self._back else event.value
            here = path if self._of_tool else (*path, key)
            if key in found:
                first = "" if self._of_tool else f", in line {self.key_marks[here].line + 1}"
                self._say(event, f"the key '{key}' is there already{first}")
                here = (*here, "")  # what counts is the first, and its places
            if not self._of_tool:
                self.key_marks[here] = event.start_mark
            found.setdefault(key, self._node(self._next(), here, depth + 1))
        return found

    def _alias(self, event: Any, depth: int) -> YamlValue:
        name = event.anchor
        if name in self._open:
            self._give_up(event, f"*{name} stands inside the very value that it refers to")
        if name not in self._anchors:
            self._say(event, f"*{name} refers to an anchor &{name} that is not above it; quote the text?")
            return None
        nodes, height = _extent(self._anchors[name])
        self._limit(event, nodes, depth + height - 1)
        return self._anchors[name]

    def _limit(self, event: Any, nodes: int, depth: int) -> None:
        self._nodes += nodes
        if self._nodes > self._max_nodes:
            self.is_too_large = True
            self._give_up(event, f"the file grows to more than {self._max_nodes:,} values (aliases counted out)")
        if depth > MAX_DEPTH:
            self._give_up(event, f"the values are nested more than {MAX_DEPTH} deep")

    def _check_tag(self, event: Any, name: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{name}"):
            self._say(event, f"the tag {event.tag} is not known here; remove it")

    def _say(self, event: Any, message: str) -> None:
        self.mistakes.append(Mistake(*_place(event.start_mark), message))
        if self._of_tool:
            raise _Stop

    def _give_up(self, event: Any, message: str) -> NoReturn:
        self._say(event, message)
        raise _Stop


def _extent(value: YamlValue) -> tuple[int, int]:
    """How many values are in `value`, itself included, and how deep they are nested."""
    if not isinstance(value, list | dict):
        return 1, 1
    inner = [_extent(item) for item in (value.values() if isinstance(value, dict) else value)]
    return 1 + sum(nodes for nodes, _ in inner), 1 + max((depth for _, depth in inner), default=0)


_LEADING_ZERO = re.compile(r"[-+]?0+(?:[1-9][0-9]+|[89])")
"""Not those below eight, which are the same either way."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What a YAML stream may not hold (spec 1.2.2, rule c-printable), and a byte order mark inside."""

_LINE_BREAK = re.compile("\r\n|\n|\r")


def _place(mark: Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _end_of(text: str) -> tuple[int, int]:
    """Line and column of what follows `text`."""
    lines = _LINE_BREAK.split(text)
    return len(lines), len(lines[-1]) + 1


def _control_words(char: str) -> str:
    code = f"{ord(char):04x}"
    return f"U+{code.upper()} is an invisible control character; remove it, or write \\u{code} in double quotes"


def _refused(line: int, column: int, message: str) -> Document:
    return Document(None, (Mistake(line, column, message),))
