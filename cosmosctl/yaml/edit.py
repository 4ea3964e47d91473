"""The user's YAML files: new ones, and changes to one that keep its comments and order, by ruamel.yaml's round trip.

ruamel may lay a line out anew (spaces inside of `{…}`, lists over several lines), so a changed text is read again: no
other value may have changed and no comment may be missing. What cannot be done that way is left to the user.
"""

import io
import json
import re
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import BaseResolver
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, FoldedScalarString, LiteralScalarString, ScalarString
from ruamel.yaml.tokens import CommentToken

from cosmosctl.errors import FileError, FilesError, with_hint
from cosmosctl.io.atomic import write_text
from cosmosctl.io.os_error import file_error
from cosmosctl.yaml.file import dump_tool
from cosmosctl.yaml.reader import Document, YamlValue, parse, parse_bytes
from cosmosctl.yaml.scalar import BREAKS_OF_YAML_1_1, is_only_text, stand_ins

Comments: TypeAlias = Mapping[tuple[str, ...], str]
"""The keys that lead to a line -> what stands at its end."""

_COMMENT_COLUMN = 40
_BLOCK_DEPTH = 2
_LIST = (4, 2)
"""Columns of an item and of its dash below the key of a list, where a file has no list yet to follow."""
_IN_LINE = ("",) * _BLOCK_DEPTH
"""The path of what stands in one line, however short the path to it is."""


def user_text(head: str, data: Mapping[str, Any], comments: Comments | None = None) -> str:
    """A new file: the comment line `head`, if there is one, then `data` as a person would have written it.

    Raises: UnicodeEncodeError for text that is not Unicode (a lone surrogate).
    """
    yaml = _round_trip()
    yaml.indent(mapping=2, sequence=_LIST[0], offset=_LIST[1])
    first = f"{head}\n" if head else ""
    return f"{first}{_dumped(yaml, _commented(data, comments or {}))}"


def as_block(text: str) -> str:
    """`text` to be written as a block (`|`), the place to go on writing, if all readers keep it so; else in quotes."""
    block: str = LiteralScalarString(text)
    quoted: str = DoubleQuotedScalarString(text)
    if any(mark in text for mark in BREAKS_OF_YAML_1_1):
        return quoted
    read = parse(_dumped(_round_trip(), CommentedMap(text=block, after="x"))).value
    return block if read == {"text": text, "after": "x"} else quoted


def set_in_file(path: Path, keys: Sequence[str], value: Any, *, comments: Comments | None = None) -> None:
    """The file holds `value` (plain values only) at `keys`; a key that is not there is added at the end of its mapping.

    `comments` of a new entry start with its own key: ("lab",) and ("lab", "address") for `keys` ("hosts", "lab").
    Raises: FileError when the file has mistakes, cannot be written, or cannot be changed without touching more.
    """
    path = path.resolve()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise file_error(path, error, doing="read") from error
    mistakes = parse_bytes(data).mistakes
    if mistakes:
        raise FilesError([with_hint(f"{path}:{m.line}:{m.column}: {m.message}", m.hint) for m in mistakes])
    try:
        bare = data.removeprefix(BOM_UTF8)
        text = set_value(bare.decode(), keys, value, comments=comments)
    except FileError as error:
        raise FileError(f"{path}: {error.message}", hint=error.hint) from error
    write_text(path, text if bare == data else f"\ufeff{text}")


def set_value(text: str, keys: Sequence[str], value: Any, *, comments: Comments | None = None) -> str:
    """`text`, which is without mistakes, with `value` at `keys`. Raises: FileError."""
    document = parse(text)
    wanted = _with_value(document.value, keys, value)
    if is_same(document.value, wanted):
        return text
    try:
        changed = _changed(text, document, keys, value, comments or {})
    except YAMLError as error:
        raise _by_hand(keys, value) from error
    after = parse(changed)
    if after.mistakes or not is_same(after.value, wanted) or not _keeps_comments(text, changed):
        raise _by_hand(keys, value)
    return changed


def _by_hand(keys: Sequence[str], value: Any) -> FileError:
    lines = dump_tool(_with_value(None, keys, value)).rstrip("\n")
    words = f"'{'.'.join(keys)}' cannot be set here without changing more"
    return FileError(words, hint=f"put it in by hand:\n{lines}")


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal, the kinds of their numbers and the order of their keys too."""
    return json.dumps(one) == json.dumps(other)


def _with_value(data: YamlValue, keys: Sequence[str], value: Any) -> Any:
    """`data` with `value` at `keys`. Raises: FileError when something that is no mapping is in the way."""
    if not keys:
        return value
    if not isinstance(data, dict | None):
        raise FileError(f"'{keys[0]}' cannot be set inside of what is no mapping")
    data = data or {}
    return {**data, keys[0]: _with_value(data.get(keys[0]), keys[1:], value)}


def _keeps_comments(before: str, after: str) -> bool:
    """Whether every comment of `before` is in `after`, in the same order."""
    lines = iter(after.split("\n"))
    return all(any(line.rstrip().endswith(comment.rstrip()) for line in lines) for comment in _COMMENT.findall(before))


_COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)


def _changed(text: str, document: Document, keys: Sequence[str], value: Any, comments: Comments) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    there, back = stand_ins(BREAKS_OF_YAML_1_1, text)
    yaml = _laid_out_like(text, document)
    root = yaml.load(text.replace("\r\n", "\n").translate(there))
    root = CommentedMap() if root is None else root
    _put(root, keys, value, comments)
    return _dumped(yaml, root).translate(back).replace("\n", newline)


def _laid_out_like(text: str, document: Document) -> YAML:
    """ruamel.yaml, set to keep quotes and to the indentation of `text`."""
    yaml = _round_trip()
    yaml.explicit_start = bool(re.search(r"^---", text, re.MULTILINE))
    marks, keys = document.marks, document.key_marks
    below = [path for path in keys if path[:-1] in keys and keys[path].line > keys[path[:-1]].line]
    lists = [path for path in keys if (*path, 0) in marks and marks[path].line > keys[path].line]
    yaml.indent(
        mapping=min((keys[path].column - keys[path[:-1]].column for path in below), default=2),
        sequence=min((marks[(*path, 0)].column - keys[path].column for path in lists), default=_LIST[0]),
        offset=min((marks[path].column - keys[path].column for path in lists), default=_LIST[1]),
    )
    return yaml


def _put(root: CommentedMap, keys: Sequence[str], value: Any, comments: Comments) -> None:
    """`root`, as ruamel loaded it, gets `value` at `keys`, above the comments that belong to what follows."""
    node, (key, *more) = root, keys
    while more and isinstance(node.get(key), CommentedMap) and node[key]:
        node, (key, *more) = node[key], more
    if node.fa.flow_style():
        node[key] = _commented(_with_value(None, more, value), {})
        return
    top = key
    tail = _cut_tail(node, top)
    parent = node
    for below in more:
        parent[key] = CommentedMap()
        parent, key = parent[key], below
    parent[key] = _commented(value, {path[1:]: words for path, words in comments.items()})
    if (key,) in comments:
        parent.yaml_add_eol_comment(comments[(key,)], key, column=_COMMENT_COLUMN)
    if tail:
        _add_tail(node, top, tail)


def _cut_tail(node: CommentedMap, key: str) -> str:
    """Takes away the comment and empty lines behind `key`, or behind the last key, that are not indented like `node`.

    ruamel hangs all lines from one value to the next on the first, whatever they belong to.
    """
    if not node:
        return ""
    column = node.lc.col + (key in node)
    leaf = _leaf(node, key if key in node else next(reversed(node)))
    if leaf.comment is None:
        return ""
    lines = leaf.comment.value.splitlines(keepends=True)
    starts = [leaf.comment.column, *(len(line) - len(line.lstrip(" ")) for line in lines[1:])]
    keep = len(lines)
    while keep > leaf.own_lines and (not lines[keep - 1].strip() or starts[keep - 1] < column):
        keep -= 1
    leaf.set_comment("".join(lines[:keep]), leaf.comment.column)
    return "".join(lines[keep:])


def _add_tail(node: CommentedMap, key: str, tail: str) -> None:
    """The lines of `tail` behind the last line of the value of `key`."""
    leaf = _leaf(node, key)
    own = leaf.comment.value.rstrip("\n") if leaf.comment else ""
    leaf.set_comment(own + "\n" * leaf.own_lines + tail, leaf.comment.column if leaf.comment else 0)


@dataclass(frozen=True)
class _Leaf:
    """The last line of a value: the map or list in which it stands, and under which key."""

    node: Any
    key: Any

    @property
    def own_lines(self) -> int:
        """How many lines of its comment stand in the line of the value itself: none below a block of text."""
        return 0 if isinstance(self.node[self.key], LiteralScalarString | FoldedScalarString) else 1

    @property
    def comment(self) -> CommentToken | None:
        comment: CommentToken | None = self.node.ca.items.get(self.key, _NO_COMMENTS)[self._slot]
        return comment

    def set_comment(self, text: str, column: int) -> None:
        comments = self.node.ca.items.setdefault(self.key, [*_NO_COMMENTS])
        says_something = text.strip() or text.count("\n") > self.own_lines  # an empty line is kept, too
        comments[self._slot] = CommentToken(text, CommentMark(column)) if says_something else None

    @property
    def _slot(self) -> int:
        return 2 if isinstance(self.node, CommentedMap) else 0


_NO_COMMENTS = (None, None, None, None)


def _leaf(node: Any, key: Any) -> _Leaf:
    """The last line of `node[key]`."""
    below = node[key]
    while isinstance(below, CommentedMap | CommentedSeq) and below and not below.fa.flow_style():
        node, key = below, next(reversed(below)) if isinstance(below, CommentedMap) else len(below) - 1
        below = node[key]
    return _Leaf(node, key)


def _commented(data: Any, comments: Comments, path: tuple[str, ...] = ()) -> Any:
    """`data` for ruamel's round trip: what is deep down stands in one line, `comments` stand at the ends of theirs."""
    if isinstance(data, str):
        return _text(data)
    if isinstance(data, list | tuple):
        items = CommentedSeq(_commented(item, {}, _IN_LINE) for item in data)
        if not any(isinstance(item, Mapping) for item in data):
            items.fa.set_flow_style()
        return items
    if not isinstance(data, Mapping):
        return str(SafeRepresenter().represent_data(data).value)
    found = CommentedMap((_text(key), _commented(value, comments, (*path, key))) for key, value in data.items())
    if len(path) >= _BLOCK_DEPTH:
        found.fa.set_flow_style()
        return found
    for key in data:
        if (*path, key) in comments:
            found.yaml_add_eol_comment(comments[(*path, key)], key, column=_COMMENT_COLUMN)
    return found


def _text(text: str) -> str:
    """Text that no reader takes for anything else. Raises: UnicodeEncodeError."""
    text.encode()  # a lone surrogate would be written as an escape that no reader takes
    if isinstance(text, ScalarString):
        return text
    if "\n" in text:
        return as_block(text)
    return text if is_only_text(text) and not _MISREAD.search(text) else DoubleQuotedScalarString(text)


_MISREAD = re.compile("[:\x85\u2028\u2029]|^[?]")
"""libyaml 0.1 stops at a plain `a:b` inside of brackets; ruamel writes `[? a]`, a mapping, and bare line breaks."""


class _AsWritten(BaseResolver):
    """No plain word is more than text, so that `TRUE`, `~` and `010` stay what they are; only nothing is null."""

    processing_version = (1, 2)

    def __init__(self, version: None, loader: YAML) -> None:
        super().__init__(loader)


_AsWritten.add_implicit_resolver_base("tag:yaml.org,2002:null", re.compile(r"\Z"), ("",))


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.Resolver = _AsWritten
    yaml.preserve_quotes = True
    yaml.width = 1 << 30
    yaml.composer.warn_double_anchors = False  # what that changes is looked for afterwards
    return yaml


def _dumped(yaml: YAML, root: CommentedMap) -> str:
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()
