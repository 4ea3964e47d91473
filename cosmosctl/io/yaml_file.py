"""Plain values into YAML text and back, for files that the tool writes. Deterministic: same values, same bytes.

The text is YAML 1.2 that also reads right under 1.1: what could be taken for anything but text is quoted.
The user's files are read by `yaml_reader`, which says where a mistake is.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cosmosctl.io.yaml_value import KeyPath

_STEP = 2
_COMMENT_COLUMN = 40
_LINE_LENGTH = 100


def dump_tool(data: Mapping[str, Any]) -> str:
    """YAML text of a mapping: keys in their order, text of several lines as a block, every value reads back equal.

    Raises: TypeError for what is no plain value, ValueError for text that is not Unicode (a lone surrogate).
    """
    return "".join(f"{line}\n" for line in block_lines(data)) or "{}\n"


def load_tool(text: str) -> Any:
    """The values of a file that `dump_tool` wrote, or null for what is not YAML."""
    from cosmosctl.io.yaml_reader import load_plain  # ruamel.yaml, only when something is really read

    try:
        return load_plain(text)
    except ValueError:
        return None


def block_lines(
    value: Mapping[str, Any], *, indent: int = 0, comments: Mapping[KeyPath, str] | None = None
) -> Iterator[str]:
    """The lines of a mapping in block style; `comments` stand at the end of the line of their key."""
    return _mapping_lines(value, indent, (), comments or {})


def flow_text(value: Any) -> str:
    """The value in one line, fit to stand inside `{…}` and `[…]`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow_text(str(k))}: {flow_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow_text(item) for item in value) + "]"
    if isinstance(value, str) and ":" in value:
        return _escaped(value)  # libyaml 0.1, inside ruamel.yaml.clib, takes no colon in a plain word here
    return scalar_text(value)


def scalar_text(value: Any) -> str:
    """One line for null, a truth value, a number or text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str):
        return inline_text(value)
    raise TypeError(f"{type(value).__name__} is no plain value")


def inline_text(text: str) -> str:
    """Text as a plain word where that is safe, else in double quotes, all in one line."""
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_MEANINGS:
        return text
    return _escaped(text)


def text_lines(text: str, indent: int) -> Iterator[str]:
    """What follows `key:`: a block (`|`, `|-` or `|+`) for text of several lines, else one line; then lines below."""
    if "\n" not in text or not _fits_block(text):
        yield inline_text(text)
        return
    yield from literal_lines(text, indent)


def literal_lines(text: str, indent: int) -> Iterator[str]:
    """A block scalar whose lines stand `indent` deep. The caller made sure that the text fits one (`fits_block`)."""
    start = str(_STEP) if text[:1] in (" ", "\n", "\t", "") else ""
    yield "|" + start + _chomping(text)
    body = text.removesuffix("\n")
    yield from (" " * indent + line if line else "" for line in body.split("\n"))


def fits_block(text: str) -> bool:
    """Whether a block scalar can hold `text` byte for byte."""
    return bool(text) and _fits_block(text)


_PLAIN = re.compile(r"(?:[^\W\d]|/)(?:[\w./@+=()-]|:(?=[\w/]))*(?: (?:[\w./@+=(](?:[\w./@+=()-]|:(?=[\w/]))*))*")
"""Words that start with a letter, `_` or `/`: no other reading under YAML 1.1 or 1.2, also inside `[…]` and `{…}`."""

_OTHER_MEANINGS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))

_NOT_IN_BLOCK = re.compile("[^\n\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What a block scalar cannot hold as it is: control characters, \\r, and the line breaks of YAML 1.1 (NEL, LS, PS)."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def _fits_block(text: str) -> bool:
    return _NOT_IN_BLOCK.search(text) is None


def _chomping(text: str) -> str:
    if not text.endswith("\n"):
        return "-"
    return "+" if text.endswith("\n\n") or text == "\n" else ""


def _escaped(text: str) -> str:
    """In double quotes; every escape of JSON means the same in YAML."""
    surrogate = _SURROGATE.search(text)
    if surrogate:
        raise ValueError(
            f"the text holds U+{ord(surrogate.group()):04X}, which is no character: its source was not UTF-8"
        )
    quoted = json.dumps(text, ensure_ascii=False)
    return _NOT_IN_BLOCK.sub(lambda match: f"\\u{ord(match.group()):04x}", quoted)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    mantissa, exponent, power = repr(value).partition("e")
    return mantissa + (".0" if exponent and "." not in mantissa else "") + exponent + power


def _mapping_lines(
    value: Mapping[str, Any], indent: int, path: KeyPath, comments: Mapping[KeyPath, str]
) -> Iterator[str]:
    for key, item in value.items():
        here = (*path, key)
        head = " " * indent + inline_text(str(key)) + ":"
        first, *rest = _value_lines(item, indent + _STEP, here, comments)
        yield _with_comment(f"{head} {first}" if first else head, comments.get(here, ""))
        yield from rest


def _value_lines(value: Any, indent: int, path: KeyPath, comments: Mapping[KeyPath, str]) -> Iterator[str]:
    """What stands beside a key or dash, then the lines below it."""
    if isinstance(value, str):
        yield from text_lines(value, indent)
    elif isinstance(value, Mapping):
        yield "" if value else "{}"
        yield from _mapping_lines(value, indent, path, comments)
    elif isinstance(value, list | tuple):
        yield from _sequence_lines(value, indent, path, comments)
    else:
        yield scalar_text(value)


def _sequence_lines(value: Sequence[Any], indent: int, path: KeyPath, comments: Mapping[KeyPath, str]) -> Iterator[str]:
    if all(isinstance(item, bool | int | float | str) and "\n" not in str(item) for item in value):
        line = flow_text(value)
        if len(line) <= _LINE_LENGTH:
            yield line
            return
    yield ""
    for position, item in enumerate(value):
        first, *rest = _value_lines(item, indent + _STEP, (*path, position), comments)
        if not first:  # a mapping or list starts beside its dash
            first, *rest = (line[indent + _STEP :] if number == 0 else line for number, line in enumerate(rest))
        yield f"{' ' * indent}- {first}"
        yield from rest


def _with_comment(line: str, comment: str) -> str:
    return f"{line.ljust(_COMMENT_COLUMN - 2)}  # {comment}" if comment else line
