"""JSONL as people write it: an object a line, blank lines, also an array or objects over several lines. Pure."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHOWN_CHARS = 60
_TOO_DEEP = "is nested too deep"
_NOT_ONE_A_LINE = "no line holds an object by itself; `jq -c .` writes one a line"


@dataclass(frozen=True)
class Entry:
    """One value of the file, the line in which it starts, and keys that an object of it holds twice."""

    line: int
    value: Any
    twice: tuple[str, ...]


@dataclass(frozen=True)
class Entries:
    """What could be read, in order, and what is wrong with the other lines: (line, words)."""

    entries: tuple[Entry, ...]
    mistakes: tuple[tuple[int, str], ...]


def entries_of(text: str) -> Entries:
    """Every value of the file. A line that is no JSON hides no other."""
    found: list[Entry] = []
    mistakes = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                found += _items(line.strip(), number)
            except (ValueError, RecursionError) as error:
                mistakes.append((number, f"is not JSON: {_words(error)}: {line.strip()[:_SHOWN_CHARS]!r}"))
    if not mistakes or any(isinstance(entry.value, dict) for entry in found):
        return Entries(tuple(found), tuple(mistakes))
    return _over_lines(text, mistakes)


def _over_lines(text: str, mistakes: Sequence[tuple[int, str]]) -> Entries:
    """The same for values that go over several lines."""
    try:
        return Entries(tuple(_items(text, 1)), ())
    except json.JSONDecodeError as error:
        if len(mistakes) == 1:
            return Entries((), tuple(mistakes))
        return Entries((), ((error.lineno, f"is not JSON: {_words(error)}; {_NOT_ONE_A_LINE}"),))
    except (ValueError, RecursionError) as error:
        return Entries((), ((1, f"is not JSON: {_words(error)}"),))


def _items(text: str, first_line: int) -> Iterator[Entry]:
    """The values of `text` one after the other, those of an array each by itself."""
    position, is_array = _next(text, 0), False
    while position < len(text):
        if text[position] == "[" and not is_array:
            position, is_array = _next(text, position + 1), True
        if is_array and text[position : position + 1] == "]":
            position, is_array = _next(text, position + 1), False
            continue
        twice: list[str] = []
        decoder = json.JSONDecoder(object_pairs_hook=functools.partial(_object, twice))
        value, end = decoder.raw_decode(text, position)
        yield Entry(first_line + text.count("\n", 0, position), value, tuple(dict.fromkeys(twice)))
        position = _next(text, end)
        if is_array:
            position = _after_item(text, position)
    if is_array:
        raise json.JSONDecodeError("Expecting ']' at the end of the array", text, len(text))


def _after_item(text: str, position: int) -> int:
    """The place of the next item of an array, or of its end."""
    if text[position : position + 1] == ",":
        return _next(text, position + 1)
    if text[position : position + 1] != "]":
        raise json.JSONDecodeError("Expecting ',' or ']' in the array", text, position)
    return position


def _object(twice: list[str], pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice += [key for key in found if keys.count(key) > 1]
    return found


def _next(text: str, position: int) -> int:
    """The first place from `position` on that is not white space."""
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _words(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (column {error.colno})"
    return _TOO_DEEP if isinstance(error, RecursionError) else "a number has too many digits"
