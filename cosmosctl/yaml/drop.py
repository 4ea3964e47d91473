"""A key taken out of one of the user's YAML files, with its own lines and no other."""

from collections.abc import Sequence
from typing import Any

from cosmosctl.errors import FileError
from cosmosctl.yaml.edit import is_same
from cosmosctl.yaml.reader import Document, YamlValue, parse


def drop_value(text: str, keys: Sequence[str]) -> str:
    """`text`, which is without mistakes, without the key that `keys` lead to; itself when there is none.

    Comments in the lines of the value go with it, those of what stands around it stay. Raises: FileError where the key
    shares its lines with others.
    """
    document = parse(text)
    wanted = _without(document.value, keys)
    if is_same(document.value, wanted):
        return text
    lines = text.splitlines(keepends=True)
    first, end = _lines_of(document, tuple(keys), lines)
    changed = "".join([*lines[:first], *lines[end:]])
    after = parse(changed)
    if after.mistakes or not is_same(after.value, wanted):
        words = f"'{'.'.join(keys)}' cannot be taken out here without changing more"
        raise FileError(words, hint="take it out by hand")
    return changed


def _lines_of(document: Document, path: tuple[str, ...], lines: Sequence[str]) -> tuple[int, int]:
    """The first line of a key, from 0, and the one behind the last line of its value."""
    mark = document.key_marks[path]
    behind = [one.line for key, one in document.key_marks.items() if key[: len(path)] != path and one.line > mark.line]
    end = min(behind, default=len(lines))
    while end > mark.line + 1 and _is_of_others(lines[end - 1], mark.column):
        end -= 1
    return mark.line, end


def _is_of_others(line: str, column: int) -> bool:
    """Whether it is an empty line, or a comment that is not indented below the key."""
    bare = line.strip()
    return not bare or (bare.startswith("#") and len(line) - len(line.lstrip()) <= column)


def _without(data: YamlValue, keys: Sequence[str]) -> Any:
    if not isinstance(data, dict) or keys[0] not in data:
        return data
    if len(keys) == 1:
        return {key: value for key, value in data.items() if key != keys[0]}
    return {**data, keys[0]: _without(data[keys[0]], keys[1:])}
